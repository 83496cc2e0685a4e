package stubs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

var pythonReserved = strings.Fields(`False None True and as assert async await break class continue def del elif else
	except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield self`)

// python's types of parameters and of results: JSON has neither bytes nor times,
// and Celery makes them of a client's alone.
func pythonType(t typ, result bool) string {
	switch t.kind {
	case nullKind:
		return "None"
	case boolKind:
		return "bool"
	case intKind:
		return "int"
	case floatKind, numberKind:
		return "float" // which an int is to type checkers
	case stringKind:
		return "str"
	case bytesKind:
		if result {
			return "str" // base64
		}
		return "bytes"
	case timeKind:
		if result {
			return "str" // RFC 3339
		}
		return "datetime.datetime | datetime.date"
	case listKind:
		return "list[" + pythonType(*t.elem, result) + "]"
	case mapKind:
		return "dict[str, " + pythonType(*t.elem, result) + "]"
	case optionKind:
		return pythonType(*t.elem, result) + " | None"
	case structKind:
		return "dict[str, Any]"
	case rowsKind:
		return "list[list[Any]]"
	case objectsKind:
		return "list[dict[str, Any]]"
	}
	return "Any"
}

const pythonHead = `# %s
"""Typed clients of Celery tasks.

    from celery import Celery
    from %s import Tasks

    tasks = Tasks(Celery(broker=..., backend=...))
    %s
"""

from __future__ import annotations

import datetime
from typing import Any, Protocol, TypedDict, TypeVar
from typing import cast as _cast  # a parameter may be called cast

_R_co = TypeVar("_R_co", covariant=True)


class App(Protocol):
    """What a celery.Celery has and is needed here."""

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, **options: Any) -> Any: ...

    def signature(self, task: str, *args: Any, **kwargs: Any) -> Any: ...


class Result(Protocol[_R_co]):
    """A celery.result.AsyncResult of a known type."""

    id: str

    @property
    def state(self) -> str: ...

    @property
    def info(self) -> Any: ...

    def get(self, timeout: float | None = None, propagate: bool = True, interval: float = 0.5) -> _R_co: ...

    def ready(self) -> bool: ...

    def successful(self) -> bool: ...

    def failed(self) -> bool: ...

    def forget(self) -> None: ...

    def revoke(self, terminate: bool = False, signal: str | None = None, wait: bool = False, timeout: float | None = None) -> None: ...
`

func python(root *node) ([]byte, error) {
	var b strings.Builder
	first := root.tasks()[0]
	example := "tasks." + pythonPath(first) + ".delay(...).get()"
	fmt.Fprintf(&b, pythonHead, header, "tasks", example)
	classes := &names{used: map[string]bool{"App": true, "Result": true, "Tasks": true, "Any": true, "Protocol": true, "TypedDict": true, "TypeVar": true,
		"None": true, "True": true, "False": true}}
	if _, err := pythonClass(&b, root, classes); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

func pythonPath(n *node) string {
	var parts []string
	for _, p := range n.path {
		parts = append(parts, identifier(p, pythonReserved))
	}
	return strings.Join(parts, ".")
}

// pythonClass writes the class of a node behind those of its children, and
// returns its name.
func pythonClass(b *strings.Builder, n *node, classes *names) (string, error) {
	type member struct{ name, class string }
	var members []member
	own := names{used: map[string]bool{}}
	if n.task != nil {
		for _, name := range []string{"name", "delay", "apply_async", "s", "_app"} {
			own.used[name] = true
		}
	}
	for _, c := range n.sorted() {
		class, err := pythonClass(b, c, classes)
		if err != nil {
			return "", err
		}
		members = append(members, member{own.take(identifier(c.name, pythonReserved)), class})
	}
	class := "Tasks"
	if len(n.path) > 0 {
		class = classes.take(camel(n.path...))
	}
	var params []pythonParam
	if n.task != nil {
		var err error
		if params, err = pythonParams(n.task); err != nil {
			return "", err
		}
		kwargs := classes.take(class + "Kwargs")
		fmt.Fprintf(b, "\n\n%s = TypedDict(\n    %q,\n    {\n", kwargs, kwargs)
		for _, p := range params {
			fmt.Fprintf(b, "        %q: %q,\n", p.wire, p.typ)
		}
		b.WriteString("    },\n    total=False,\n)\n")
		// A name of its own: within a method, a parameter may be called list.
		result := classes.take(class + "Result")
		fmt.Fprintf(b, "\n%s = Result[%s]\n", result, pythonType(resultType(n.task), true))
		fmt.Fprintf(b, "\n\nclass %s:\n    \"\"\"%s\"\"\"\n\n    name = %q\n", class, pythonDoc(n.task), n.task.Name)
		fmt.Fprintf(b, "\n    def __init__(self, app: App) -> None:\n        self._app = app\n")
		for _, m := range members {
			fmt.Fprintf(b, "        self.%s = %s(app)\n", m.name, m.class)
		}
		pythonMethods(b, params, kwargs, result)
		return class, nil
	}
	doc := "All tasks."
	if len(n.path) > 0 {
		doc = docstring("The tasks " + strings.Join(n.path, ".") + ".*")
	}
	fmt.Fprintf(b, "\n\nclass %s:\n    \"\"\"%s\"\"\"\n\n    def __init__(self, app: App) -> None:\n", class, doc)
	for _, m := range members {
		fmt.Fprintf(b, "        self.%s = %s(app)\n", m.name, m.class)
	}
	return class, nil
}

type pythonParam struct {
	name, wire, typ, def string // def is empty if it is required
}

func pythonParams(t *abi.TaskSpec) ([]pythonParam, error) {
	var list []pythonParam
	scope := names{used: map[string]bool{"_cast": true}} // which the methods call
	for _, p := range t.Params {
		q := pythonParam{name: scope.take(identifier(p.Name, pythonReserved)), wire: p.Name, typ: pythonType(parse(p.Type), false)}
		if optional(p) {
			if !json.Valid(p.Default) {
				return nil, fmt.Errorf("task %s: the default of %s is no JSON: %s", t.Name, p.Name, p.Default)
			}
			q.def = celery.Repr(p.Default)
			if q.def == "None" && !strings.Contains(q.typ, "None") && q.typ != "Any" {
				q.typ += " | None"
			}
		}
		list = append(list, q)
	}
	return list, nil
}

func pythonDoc(t *abi.TaskSpec) string {
	doc := t.Doc
	if doc == "" {
		doc = "The task " + t.Name + "."
	}
	text := docstring(doc)
	documented := false
	for _, p := range t.Params {
		documented = documented || p.Doc != ""
	}
	if !documented {
		return text
	}
	var b strings.Builder
	b.WriteString(text + "\n\n    Args:\n")
	for _, p := range t.Params {
		fmt.Fprintf(&b, "        %s: %s\n", identifier(p.Name, pythonReserved), docstring(p.Doc))
	}
	return b.String() + "    "
}

// docstring is a doc text within the quotation marks of a docstring, which it
// cannot end.
func docstring(text string) string {
	text = strings.NewReplacer(`"""`, "'''", `\`, `\\`).Replace(oneLine(text))
	if rest, ok := strings.CutSuffix(text, `"`); ok {
		return rest + `\"`
	}
	return text
}

// resultType is what a task returns.
func resultType(t *abi.TaskSpec) typ {
	r := parse(t.Returns)
	if r.kind == rowsKind && t.Rows == abi.RowsObjects {
		r.kind = objectsKind
	}
	return r
}

func pythonMethods(b *strings.Builder, params []pythonParam, kwargs, result string) {
	signature, prefixes := "self", []string{"tuple[()]"}
	var types []string
	var given string
	for i, p := range params {
		signature += ", " + p.name + ": " + p.typ
		if p.def != "" {
			signature += " = " + p.def
		}
		given += p.name
		if i == 0 && len(params) == 1 {
			given += ","
		} else if i < len(params)-1 {
			given += ", "
		}
		types = append(types, p.typ)
		prefixes = append(prefixes, "tuple["+strings.Join(types, ", ")+"]")
	}
	fmt.Fprintf(b, `
    def delay(%s) -> %s:
        """Sends the task, and returns its result to come."""
        return _cast("%s", self._app.send_task(self.name, (%s)))
`, signature, result, result, given)
	fmt.Fprintf(b, `
    def apply_async(
        self,
        args: %s = (),
        kwargs: %s | None = None,
        *,
        countdown: float | None = None,
        eta: datetime.datetime | None = None,
        expires: float | datetime.datetime | None = None,
        queue: str | None = None,
        priority: int | None = None,
        task_id: str | None = None,
        **options: Any,
    ) -> %s:
        """Sends the task with Celery's options, as Task.apply_async does."""
        given = {"countdown": countdown, "eta": eta, "expires": expires, "queue": queue, "priority": priority, "task_id": task_id}
        options.update({name: value for name, value in given.items() if value is not None})
        return _cast("%s", self._app.send_task(self.name, args, kwargs, **options))
`, strings.Join(prefixes, " | "), kwargs, result, result)
	fmt.Fprintf(b, `
    def s(%s) -> Any:
        """A signature of the task, for chains, groups and chords."""
        return self._app.signature(self.name, args=(%s))
`, signature, given)
}
