// One process for each processor. There is no worker: what the server leaves in the job queue stays there.
const cluster = require("node:cluster");
const { bootstrap } = require("@vendure/core");
const { config, cpus } = require("./config");

if (cluster.isPrimary && cpus > 1) {
  for (let n = 0; n < cpus; n++) cluster.fork();
} else {
  bootstrap(config);
}
