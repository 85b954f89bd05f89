// Makes the tables and fills them, by Vendure's own services, from the files that `bench compare` writes.
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const { parse } = require("csv-parse/sync");
const core = require("@vendure/core");
const { config } = require("./config");

const { DATA, FOLDER } = process.env;
const languageCode = "en";
// Vendure's own search filters by facets but not by prices, so a range of prices is a value of a facet. In this order:
// requests.json names the second one by its id.
const RANGES = ["below 100", "100 to 800", "above 800"];
const shop = {
  defaultLanguage: languageCode,
  defaultZone: "Americas",
  countries: [{ name: "United States of America", code: "US", zone: "Americas" }],
  taxRates: [{ name: "Standard Tax", percentage: 20 }],
  shippingMethods: [{ name: "Standard Shipping", price: 500 }],
  paymentMethods: [
    { name: "Card", handler: { code: "dummy-payment-handler", arguments: [{ name: "automaticSettle", value: "true" }] } },
  ],
  collections: [],
};

seed().catch((error) => {
  console.error(error);
  process.exit(1);
});

async function seed() {
  const app = await core.bootstrap({
    ...config,
    dbConnectionOptions: { ...config.dbConnectionOptions, synchronize: true },
  });
  await app.get(core.Populator).populateInitialData(shop);
  const ctx = await app.get(core.RequestContextService).create({ apiType: "admin", languageCode });
  const queue = app.get(core.JobQueueService);
  // Each product's stock and category would have it indexed; all are indexed together in the end.
  const alone = (job) => job.queueName === "update-search-index" && job.data.type !== "reindex";
  queue.addBuffer({ id: "alone", collect: alone, reduce: () => [] });
  await queue.start();

  await makeRanges(app, ctx);
  const errors = await app.get(core.Importer).importProducts(ctx, products(), () => {});
  if (errors.length) throw new Error(errors.join("\n"));
  await makeCollections(app, ctx);
  await idle(app);
  await app.get(core.SearchService).reindex(ctx);
  await idle(app);
  await writeIds(app);
  await app.close();
}

async function makeRanges(app, ctx) {
  const facet = await app.get(core.FacetService).create(ctx, {
    code: "price",
    isPrivate: false,
    translations: [{ languageCode, name: "price" }],
  });
  for (const name of RANGES) {
    await app.get(core.FacetValueService).create(ctx, facet, {
      code: name.replaceAll(" ", "-"),
      translations: [{ languageCode, name }],
    });
  }
}

function products() {
  const rows = parse(fs.readFileSync(`${DATA}/products.csv`), { columns: true });
  const facet = (facet, value) => ({ translations: [{ languageCode, facet, value }] });
  return rows.map(({ sku, name, description, price, stock, category }) => ({
    product: {
      assetPaths: [],
      optionGroups: [],
      facets: [facet("category", category), facet("price", RANGES[price < 100 ? 0 : price <= 800 ? 1 : 2])],
      translations: [{ languageCode, name, slug: name, description, customFields: {} }],
    },
    variants: [
      {
        sku,
        price: Number(price),
        taxCategory: "Standard Tax",
        stockOnHand: Number(stock),
        trackInventory: "INHERIT",
        assetPaths: [],
        facets: [],
        translations: [{ languageCode, optionValues: [], customFields: {} }],
      },
    ],
  }));
}

async function makeCollections(app, ctx) {
  const values = await app.get(core.FacetValueService).findAll(ctx, languageCode);
  for (const { id, name, description } of JSON.parse(fs.readFileSync(`${DATA}/categories.json`))) {
    const value = values.find((value) => value.name === name);
    await app.get(core.CollectionService).create(ctx, {
      translations: [{ languageCode, name, slug: id, description }],
      filters: [
        {
          code: "facet-value-filter",
          arguments: [
            { name: "facetValueIds", value: JSON.stringify(value ? [value.id] : []) },
            { name: "containsAny", value: "false" },
          ],
        },
      ],
    });
  }
}

// Until all jobs are done.
async function idle(app) {
  const { jobQueueStrategy } = app.get(core.ConfigService).jobQueueOptions;
  do await sleep(500);
  while ((await jobQueueStrategy.findMany({ filter: { isSettled: { eq: false } } })).totalItems);
}

async function writeIds(app) {
  const variants = await app.get(core.TransactionalConnection).rawConnection.getRepository(core.ProductVariant).find({
    order: { sku: "ASC" },
  });
  const ids = variants.map(({ id, productId }) => ({ pid: String(productId), vid: String(id) }));
  fs.writeFileSync(`${FOLDER}/ids.json`, JSON.stringify(ids));
}
