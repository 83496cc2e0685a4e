package stubs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

var typescriptReserved = strings.Fields(`break case catch class const continue debugger default delete do else enum export
	extends false finally for function if import in instanceof new null return super switch this throw true try typeof var
	void while with as implements interface let package private protected public static yield any boolean constructor
	declare get module require number set string symbol type from of await async arguments eval`)

func typescriptType(t typ, result bool) string {
	switch t.kind {
	case nullKind:
		return "null"
	case boolKind:
		return "boolean"
	case intKind, floatKind, numberKind:
		return "number"
	case stringKind:
		return "string"
	case bytesKind:
		if result {
			return "string" // base64
		}
		return "Bytes"
	case timeKind:
		if result {
			return "string" // RFC 3339
		}
		return "DateTime"
	case listKind:
		elem := typescriptType(*t.elem, result)
		if strings.Contains(elem, "|") {
			elem = "(" + elem + ")"
		}
		return elem + "[]"
	case mapKind:
		return "Record<string, " + typescriptType(*t.elem, result) + ">"
	case optionKind:
		return typescriptType(*t.elem, result) + " | null"
	case structKind:
		return "Record<string, any>"
	case rowsKind:
		return "any[][]"
	case objectsKind:
		return "Record<string, any>[]"
	}
	return "any"
}

const typescriptHead = `// %s
//
// Typed clients of Celery tasks, over celery-node or what has its form:
//
//   import * as celery from "celery-node";
//   import { Tasks } from "./tasks";
//
//   const tasks = new Tasks(celery.createClient("amqp://", "redis://"));
//   await tasks.%s.delay(…).get();

/** What a client of celery-node has and is needed here. */
export interface Client {
  sendTask(name: string, args?: any[], kwargs?: object, taskId?: string): { taskId: string; get(timeout?: number, interval?: number): Promise<any>; status(): Promise<string> };
}

/** The result to come of a known type. */
export interface Result<R> {
  taskId: string;
  get(timeout?: number, interval?: number): Promise<R>;
  status(): Promise<string>;
}

/** Bytes and times, in the form in which Celery sends them. */
export type Bytes = { __type__: "bytes"; __value__: string };
export type DateTime = { __type__: "datetime"; __value__: string };

/** Base64 text as bytes. */
export const bytes = (base64: string): Bytes => ({ __type__: "bytes", __value__: base64 });

/** A time as Python's datetime. */
export const dateTime = (at: Date): DateTime => ({ __type__: "datetime", __value__: at.toISOString() });
`

func typescript(root *node) ([]byte, error) {
	var b strings.Builder
	var path []string
	for _, p := range root.tasks()[0].path {
		path = append(path, identifier(p, typescriptReserved))
	}
	fmt.Fprintf(&b, typescriptHead, header, strings.Join(path, "."))
	classes := &names{used: map[string]bool{"Tasks": true, "Client": true, "Result": true, "Bytes": true, "DateTime": true, "Record": true, "Promise": true, "Date": true, "Object": true}}
	typescriptClass(&b, root, classes)
	return []byte(b.String()), nil
}

func typescriptClass(b *strings.Builder, n *node, classes *names) string {
	type member struct{ name, class string }
	var members []member
	own := names{used: map[string]bool{"constructor": true}}
	if n.task != nil {
		for _, name := range []string{"name", "delay", "applyAsync", "client"} {
			own.used[name] = true
		}
	}
	for _, c := range n.sorted() {
		class := typescriptClass(b, c, classes)
		members = append(members, member{own.take(identifier(c.name, typescriptReserved)), class})
	}
	class := "Tasks"
	if len(n.path) > 0 {
		class = classes.take(camel(n.path...))
	}
	var args string
	if n.task != nil {
		args = classes.take(class + "Args")
		fmt.Fprintf(b, "\n/** The arguments of %s. */\nexport interface %s {\n", oneLine(n.task.Name), args)
		for _, p := range n.task.Params {
			mark := ""
			if optional(p) {
				mark = "?"
			}
			fmt.Fprintf(b, "%s  %s%s: %s;\n", typescriptDoc("  ", p.Doc, p.Default), typescriptString(p.Name), mark, typescriptParam(p))
		}
		b.WriteString("}\n")
	}
	doc := "All tasks."
	switch {
	case n.task != nil && n.task.Doc != "":
		doc = oneLine(n.task.Doc)
	case len(n.path) > 0:
		doc = "The tasks " + oneLine(strings.Join(n.path, ".")) + ".*"
	}
	fmt.Fprintf(b, "\n/** %s */\nexport class %s {\n", doc, class)
	if n.task != nil {
		fmt.Fprintf(b, "  readonly name = %s;\n", typescriptString(n.task.Name))
	}
	for _, m := range members {
		fmt.Fprintf(b, "  readonly %s: %s;\n", m.name, m.class)
	}
	fmt.Fprintf(b, "\n  constructor(private readonly client: Client) {\n")
	for _, m := range members {
		fmt.Fprintf(b, "    this.%s = new %s(client);\n", m.name, m.class)
	}
	b.WriteString("  }\n")
	if n.task != nil {
		typescriptMethods(b, n.task, args)
	}
	b.WriteString("}\n")
	return class
}

// typescriptString is a string literal. Go's have escapes that JavaScript reads as
// other text.
func typescriptString(text string) string {
	quoted, _ := json.Marshal(text) // a string always can be
	return string(quoted)
}

func typescriptParam(p abi.Param) string {
	text := typescriptType(parse(p.Type), false)
	if string(p.Default) == "null" && !strings.Contains(text, "null") && text != "any" {
		text += " | null"
	}
	return text
}

func typescriptDoc(indent, doc string, def []byte) string {
	if def != nil {
		doc = strings.TrimSpace(doc + " (default " + string(def) + ")")
	}
	if doc == "" {
		return ""
	}
	return indent + "/** " + oneLine(doc) + " */\n"
}

func typescriptMethods(b *strings.Builder, t *abi.TaskSpec, args string) {
	result := typescriptType(resultType(t), true)
	var signature, given, doc strings.Builder
	var scope names
	for _, p := range t.Params {
		name := scope.take(identifier(p.Name, typescriptReserved))
		if signature.Len() > 0 {
			signature.WriteString(", ")
			given.WriteString(", ") // members without a value are not sent
		}
		mark := ""
		if optional(p) {
			mark = "?"
		}
		fmt.Fprintf(&signature, "%s%s: %s", name, mark, typescriptParam(p))
		fmt.Fprintf(&given, "%s: %s", typescriptString(p.Name), name)
		if p.Doc != "" || optional(p) {
			text := oneLine(p.Doc)
			if optional(p) {
				text = strings.TrimSpace(text + " (default " + oneLine(string(p.Default)) + ")")
			}
			fmt.Fprintf(&doc, "\n   * @param %s %s", name, text)
		}
	}
	fmt.Fprintf(b, `
  /**
   * Sends the task. Arguments that are left out have their defaults.%s
   */
  delay(%s): Result<%s> {
    return this.client.sendTask(this.name, [], { %s });
  }

  /** Sends the task with its arguments by their names, under an id of your own if one is given. */
  applyAsync(kwargs: %s, taskId?: string): Result<%s> {
    return this.client.sendTask(this.name, [], kwargs, taskId);
  }
`, doc.String(), signature.String(), result, given.String(), args, result)
}
