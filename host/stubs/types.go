package stubs

import "strings"

// A kind is what a type is to a client.
type kind int

const (
	anyKind kind = iota
	nullKind
	boolKind
	intKind
	floatKind
	numberKind
	stringKind
	bytesKind
	timeKind
	listKind   // of elem
	mapKind    // of elem, by strings
	optionKind // elem or null
	structKind // an object of whatever members
	rowsKind   // a DataFrame's, as lists
	objectsKind
)

// A type is one in the SDK's words, such as "[]map[string]int64".
type typ struct {
	kind kind
	elem *typ
}

var scalars = map[string]kind{
	"": anyKind, "any": anyKind, "json": anyKind, "null": nullKind, "bool": boolKind, "string": stringKind, "bytes": bytesKind,
	"datetime": timeKind, "number": numberKind, "DataFrame": rowsKind,
	"int": intKind, "int8": intKind, "int16": intKind, "int32": intKind, "int64": intKind,
	"uint": intKind, "uint8": intKind, "uint16": intKind, "uint32": intKind, "uint64": intKind,
	"float": floatKind, "float32": floatKind, "float64": floatKind,
	// As SDKs of other languages have them.
	"i32": intKind, "i64": intKind, "u32": intKind, "u64": intKind, "f32": floatKind, "f64": floatKind, "str": stringKind, "boolean": boolKind,
}

// parse reads a type. Words that it does not know are an object's.
func parse(words string) typ {
	words = strings.TrimSpace(words)
	if k, ok := scalars[words]; ok {
		return typ{kind: k}
	}
	if rest, ok := strings.CutPrefix(words, "*"); ok {
		return typ{optionKind, new(parse(rest))}
	}
	if rest, ok := strings.CutPrefix(words, "map["); ok {
		if _, elem, ok := strings.Cut(rest, "]"); ok {
			return typ{mapKind, new(parse(elem))}
		}
	}
	if strings.HasPrefix(words, "[") {
		if _, elem, ok := strings.Cut(words, "]"); ok {
			return typ{listKind, new(parse(elem))}
		}
	}
	return typ{kind: structKind}
}
