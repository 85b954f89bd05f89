// What Vendure's template writes, for production, without the dashboard, pictures and mails: cookies and bearer tokens,
// search and job queue of its own in the database. Customers need not confirm their address; payment is the dummy.
const { DefaultCachePlugin, DefaultJobQueuePlugin, DefaultSearchPlugin, dummyPaymentHandler } = require("@vendure/core");

exports.cpus = Number(process.env.CPUS || 1);

exports.config = {
  apiOptions: {
    hostname: "127.0.0.1",
    port: Number(process.env.PORT),
    cors: { origin: ["https://shop.example"], credentials: true },
    csrfPrevention: true,
    introspection: false,
  },
  authOptions: {
    tokenMethod: ["bearer", "cookie"],
    requireVerification: false,
    superadminCredentials: { identifier: "superadmin", password: "only for comparisons" },
    cookieOptions: { secret: "only for comparisons, on loopback" },
  },
  dbConnectionOptions: { type: "postgres", url: process.env.DATABASE_URL, synchronize: false, logging: false },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [
    DefaultJobQueuePlugin.init({}),
    DefaultSearchPlugin.init({ bufferUpdates: false }),
    // Several processes share the cache of sessions; a single one has it in memory.
    ...(exports.cpus > 1 ? [DefaultCachePlugin.init({})] : []),
  ],
};
