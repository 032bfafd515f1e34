// A file of its own: the page's content security policy allows no inline script.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followSystem = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followSystem);
followSystem();

function withSlashes(request) {
  // The rest of a path and a model's name may hold slashes; Swagger UI escapes them.
  const [path, ...query] = request.url.split("?");
  request.url = [path.replace(/%2F/gi, "/"), ...query].join("?");
  return request;
}

async function servedModels(key) {
  // A page that is not let in shows the examples as they are.
  const answer = await fetch("v1/models", { headers: { authorization: "Bearer " + key } });
  return answer.ok ? (await answer.json()).data.map((model) => model.id) : [];
}

function examplesOf(node) {
  // Every example of a request's body, wherever it stands.
  if (node === null || typeof node !== "object") return [];
  const own = node.example && node.example.model ? [node.example] : [];
  return own.concat(...Object.values(node).map(examplesOf));
}

function withModel(description, models) {
  const shown = structuredClone(description);
  for (const example of examplesOf(shown.paths)) {
    if (models.length && !models.includes(example.model)) example.model = models[0];
  }
  return shown;
}

async function start() {
  const description = await (await fetch("openapi.json")).json();
  // This page calls the gateway by the address that it came from, whatever stands in front of it.
  description.servers = [{ url: new URL(".", location.href).href.replace(/\/$/, "") }];

  const showModels = {
    statePlugins: {
      auth: {
        wrapActions: {
          authorize: (original, system) => (given) => {
            for (const scheme of Object.values(given)) {
              servedModels(scheme.value).then((models) =>
                system.specActions.updateJsonSpec(withModel(description, models)),
              );
            }
            return original(given);
          },
        },
      },
    },
  };
  const kept = Object.values(JSON.parse(localStorage.getItem("authorized") || "{}"));
  const models = kept.length ? await servedModels(kept[0].value) : [];

  window.ui = SwaggerUIBundle({
    spec: withModel(description, models),
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: true, // in this browser's storage for this address, until "Logout"
    tryItOutEnabled: true,
    validatorUrl: null, // no call to an outside validator
    requestInterceptor: withSlashes,
    plugins: [showModels],
  });
}

start();
