// An older service in the folder layout: an OpenRPC server as npm has it, on a
// unix socket. It answers 200 to every path, and leaves its socket when killed.
const { Server } = require("@open-rpc/server-js");
const fs = require("fs");
const path = require("path");

const folder = path.join(process.env.HERO_SOCKET_DIR, "oldfolder");
fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
const socket = path.join(folder, "rpc.sock");
fs.rmSync(socket, { force: true });

const document = {
  openrpc: "1.2.6",
  info: { title: "Old folder", version: "2.0.0" },
  methods: [{
    name: "add",
    summary: "Adds two numbers.",
    params: [
      { name: "a", required: true, schema: { type: "number" } },
      { name: "b", required: true, schema: { type: "number" } },
    ],
    result: { name: "sum", schema: { type: "number" } },
  }],
};

new Server({
  openrpcDocument: document,
  transportConfigs: [{ type: "HTTPTransport", options: { port: socket, middleware: [] } }],
  methodMapping: { add: async (a, b) => a + b },
}).start();
