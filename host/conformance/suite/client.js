// A JavaScript client: node client.js BROKER BACKEND QUEUE
const celery = require(process.env.NODE_MODULES + "/celery-node");
const [broker, backend, queue] = process.argv.slice(2);
const client = celery.createClient(broker, backend, queue);

async function call(protocol, name, args, kwargs) {
  client.conf.TASK_PROTOCOL = protocol;
  try {
    return await client.createTask("conf." + name).applyAsync(args, kwargs).get(30000);
  } catch (e) {
    return { error: e.message, type: e.exc_type, args: e.exc_message };
  }
}

async function main() {
  const out = [];
  for (const protocol of [2, 1]) {
    client.conf.TASK_PROTOCOL = protocol;
    out.push(await call(protocol, "add", [2, 3], {}));
    out.push(await call(protocol, "kwargs", [1], { c: "ü" }));
    out.push(await call(protocol, "echo", [{ a: [1, 2.5, null, "😀"] }], {}));
    out.push(await call(protocol, "fail", ["ValueError", "boom"], {}));
    out.push(await call(protocol, "nosuch", [], {}));
  }
  console.log(JSON.stringify(out));
  process.exit(0);
}
main().catch((e) => {
  console.error(e);
  process.exit(1);
});
