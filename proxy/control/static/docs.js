// A file of its own: the page's content security policy allows no inline script.
function withSlashes(request) {
  // The rest of a path and a model's name may hold slashes; Swagger UI escapes them.
  const [path, ...query] = request.url.split("?");
  request.url = [path.replace(/%2F/gi, "/"), ...query].join("?");
  return request;
}

window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false, // the key stays in this tab's memory
  tryItOutEnabled: true,
  validatorUrl: null, // no call to an outside validator
  requestInterceptor: withSlashes,
});
