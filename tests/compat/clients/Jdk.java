// The JDK's own client: it asks for HTTP/2 by an upgrade with each first request, bodies or not.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Jdk {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String body : new String[] {
                "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Say hello\"}]}",
                "{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Say hello\"}]}"}) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("SLUICE_URL") + "/v1/chat/completions"))
                .header("Authorization", "Bearer " + System.getenv("SLUICE_KEY"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
        HttpRequest models = HttpRequest.newBuilder(URI.create(System.getenv("SLUICE_URL") + "/v1/models"))
            .header("Authorization", "Bearer " + System.getenv("SLUICE_KEY")).GET().build();
        System.out.println(client.send(models, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
