window.ui = SwaggerUIBundle({
  url: "/api/v1/schema/",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  // The badge would ask another host what it thinks of the document.
  validatorUrl: null,
});
