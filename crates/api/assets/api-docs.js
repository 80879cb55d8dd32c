// Shows the description that this service serves. Nothing is asked of another host.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: document.getElementById("api").dataset.description,
    dom_id: "#api",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
  });
});
