package pyjson

import (
	"bytes"
	"encoding/json"
)

// kind is what a JSON value is in Python.
type kind int

const (
	wrong kind = iota
	null
	boolean
	integer
	float
	text
	list
	object
)

// kindOf returns the kind of a JSON value without space around it. Lists and
// objects are told by their first character only.
func kindOf(raw []byte) kind {
	if len(raw) == 0 {
		return wrong
	}
	switch raw[0] {
	case '{':
		return object
	case '[':
		return list
	case '"':
		return text
	}
	switch string(raw) {
	case "null":
		return null
	case "true", "false":
		return boolean
	case "NaN", "Infinity", "-Infinity":
		return float
	}
	return numberKind(raw)
}

// numberKind follows the grammar of JSON's numbers.
func numberKind(raw []byte) kind {
	i, k := 0, integer
	if raw[0] == '-' {
		i++
	}
	switch n := digits(raw[i:]); {
	case n == 0, n > 1 && raw[i] == '0':
		return wrong
	default:
		i += n
	}
	if i < len(raw) && raw[i] == '.' {
		n := digits(raw[i+1:])
		if n == 0 {
			return wrong
		}
		i, k = i+1+n, float
	}
	if i < len(raw) && (raw[i] == 'e' || raw[i] == 'E') {
		i++
		if i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		n := digits(raw[i:])
		if n == 0 {
			return wrong
		}
		i, k = i+n, float
	}
	if i < len(raw) {
		return wrong
	}
	return k
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// special returns kombu's type name and value of an object such as
// {"__type__": "bytes", "__value__": "abc"}.
func special(raw []byte) (typ string, value json.RawMessage, ok bool) {
	// Most objects are ordinary ones: look before splitting.
	if kindOf(raw) != object || !bytes.Contains(raw, []byte(`"__type__"`)) {
		return "", nil, false
	}
	members, err := Object(raw)
	if err != nil || len(members) != 2 {
		return "", nil, false
	}
	if members[0].Name == "__value__" {
		members[0], members[1] = members[1], members[0]
	}
	if members[0].Name != "__type__" || members[1].Name != "__value__" {
		return "", nil, false
	}
	if json.Unmarshal(members[0].Value, &typ) != nil {
		return "", nil, false
	}
	return typ, members[1].Value, true
}

// TypeName returns the name that Python has for the type of a JSON value:
// "str", "int", "NoneType".
func TypeName(raw []byte) string {
	v, err := value(raw)
	if err != nil {
		return "invalid JSON"
	}
	switch kindOf(v) {
	case null:
		return "NoneType"
	case boolean:
		return "bool"
	case integer:
		return "int"
	case float:
		return "float"
	case text:
		return "str"
	case list:
		return "list"
	}
	if typ, _, ok := special(v); ok {
		switch typ {
		case "bytes", "base64":
			return "bytes"
		case "uuid":
			return "UUID"
		case "decimal":
			return "Decimal"
		case "datetime", "date", "time":
			return typ
		}
	}
	return "dict"
}
