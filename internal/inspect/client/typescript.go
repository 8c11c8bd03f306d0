package client

import (
	"fmt"
	"strings"
)

// tsHead is what every TypeScript client begins with.
const tsHead = `
/** What the service answered in place of a result. */
export class RPCError extends Error {
  constructor(readonly code: number, message: string, readonly data?: unknown) {
    super(message);
    this.name = "RPCError";
  }
}

export interface Options {
  /** Where the proxy answers. */
  base?: string;
  /** The context (tenant). */
  context?: string;
  /** Sent with each call. */
  headers?: Record<string, string>;
  /** In place of the fetch of the platform. */
  fetch?: typeof fetch;
}

async function call(o: Options, domain: string, method: string, params?: unknown): Promise<unknown> {
  const context = o.context ?? "root";
  const place = domain === "" ? "" : "/" + encodeURIComponent(context) + "/" + domain;
  const headers: Record<string, string> = { ...o.headers, "Content-Type": "application/json" };
  if (domain !== "") {
    headers["X-Hero-Context"] = context;
  }
  const url = (o.base ?? "http://127.0.0.1:9998").replace(/\/$/, "") + "/" + service + place + "/rpc";
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await (o.fetch ?? fetch)(url, { method: "POST", headers, body });
  const text = await answer.text();
  let message: { result?: unknown; error?: { code: number; message: string; data?: unknown } | null };
  try {
    message = JSON.parse(text);
  } catch {
    throw new Error("call " + method + ": HTTP " + answer.status + ", not a JSON-RPC answer");
  }
  if (message.error) {
    throw new RPCError(message.error.code, message.error.message, message.error.data);
  }
  if (message.result === undefined) {
    throw new Error("call " + method + ": HTTP " + answer.status + ", neither a result nor an error");
  }
  return message.result;
}
`

func writeTypeScript(m *model) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "// Written by hero_inspector from %s, version %s. Do not edit.\n\nconst service = %s;\n%s\n", m.service, oneLine(m.version), quote(m.service), tsHead)
	for _, t := range m.types {
		comment(&b, "", "//", t.doc)
		switch {
		case t.alias != nil:
			fmt.Fprintf(&b, "export type %s = %s;\n\n", t.name, tsType(*t.alias))
		case t.enum != nil:
			fmt.Fprintf(&b, "export type %s = %s;\n\n", t.name, strings.Join(t.enum, " | "))
		default:
			fmt.Fprintf(&b, "export interface %s {\n", t.name)
			tsFields(&b, "  ", t.fields)
			b.WriteString("}\n\n")
		}
	}
	fmt.Fprintf(&b, "/** Calls %s. */\nexport class Client {\n", m.service)
	taken := map[string]bool{"constructor": true, "options": true}
	for _, d := range m.domains {
		if d.name != "" {
			fmt.Fprintf(&b, "  readonly %s: %s;\n", unique(camel(d.name), taken), d.typ)
		}
	}
	b.WriteString("\n  constructor(private readonly options: Options = {}) {\n")
	again := map[string]bool{"constructor": true, "options": true}
	for _, d := range m.domains {
		if d.name != "" {
			fmt.Fprintf(&b, "    this.%s = new %s(options);\n", unique(camel(d.name), again), d.typ)
		}
	}
	b.WriteString("  }\n")
	for _, d := range m.domains {
		if d.name == "" {
			tsMethods(&b, d, taken)
		}
	}
	b.WriteString("}\n")
	for _, d := range m.domains {
		if d.name != "" {
			fmt.Fprintf(&b, "\n/** The domain %s. */\nexport class %s {\n  constructor(private readonly options: Options) {}\n", d.name, d.typ)
			tsMethods(&b, d, map[string]bool{"constructor": true, "options": true})
			b.WriteString("}\n")
		}
	}
	return []byte(b.String())
}

func tsMethods(b *strings.Builder, d domain, taken map[string]bool) {
	for _, m := range d.methods {
		b.WriteString("\n")
		comment(b, "  ", "//", m.doc)
		takes, params := "", ""
		if len(m.params) > 0 {
			var fields strings.Builder
			tsFields(&fields, "    ", m.params)
			takes, params = "params: {\n"+fields.String()+"  }", ", params"
			optional := true
			for _, f := range m.params {
				optional = optional && !f.required
			}
			if optional {
				takes += " = {}"
			}
			if m.byPosition {
				var list []string
				for _, f := range m.params {
					list = append(list, "params["+quote(f.name)+"]")
				}
				params = ", [" + strings.Join(list, ", ") + "]"
			}
		}
		result := tsType(m.result)
		fmt.Fprintf(b, "  async %s(%s): Promise<%s> {\n    return (await call(this.options, %s, %s%s)) as %s;\n  }\n",
			unique(camel(m.wire), taken), takes, result, quote(d.name), quote(m.wire), params, result)
	}
}

func tsFields(b *strings.Builder, indent string, fields []field) {
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.name] {
			continue
		}
		seen[f.name] = true
		comment(b, indent, "//", f.doc)
		sign := "?"
		if f.required {
			sign = ""
		}
		fmt.Fprintf(b, "%s%s%s: %s;\n", indent, quote(f.name), sign, tsType(f.typ))
	}
}

func tsType(t typ) string {
	out := "unknown"
	switch t.kind {
	case stringKind:
		out = "string"
	case integerKind, numberKind:
		out = "number"
	case booleanKind:
		out = "boolean"
	case nullKind:
		return "null"
	case listKind:
		out = "Array<" + tsType(*t.elem) + ">"
	case mapKind:
		out = "{ [name: string]: " + tsType(*t.elem) + " }"
	case refKind:
		out = t.name
	}
	if t.nullable {
		out += " | null"
	}
	return out
}
