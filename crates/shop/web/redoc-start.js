// The search runs in a worker made of text, which the page's policy forbids.
const system = "system-ui, sans-serif";
Redoc.init(
  "/api/v1/schema/",
  {
    disableSearch: true,
    hideDownloadButton: false,
    theme: { typography: { fontFamily: system, headings: { fontFamily: system } } },
  },
  document.getElementById("redoc"),
);
