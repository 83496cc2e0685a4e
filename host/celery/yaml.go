package celery

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlToJSON reads one YAML document as kombu does, which is PyYAML's safe
// loader and so YAML 1.1: yes is true, 010 is eight, 2026-01-02 a date. A set
// becomes a list, as JSON has none. A value that contains itself is refused.
func yamlToJSON(body []byte) (json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("yaml: %w", errNotUTF8)
	}
	// The parser's own limits are ten thousand levels, and it names a second
	// document only to who asks for it.
	documents := yaml.NewDecoder(strings.NewReader(string(body)))
	var document, more yaml.Node
	if err := documents.Decode(&document); err != nil {
		return nil, fmt.Errorf("yaml: %w", err)
	}
	if err := documents.Decode(&more); err == nil {
		return nil, errors.New("yaml: more than one document")
	}
	y := yamlReader{anchors: make(map[*yaml.Node][]byte)}
	if err := y.value(document.Content[0], 0); err != nil {
		return nil, fmt.Errorf("yaml: %w", err)
	}
	return y.out, nil
}

type yamlReader struct {
	out     []byte
	anchors map[*yaml.Node][]byte // values as JSON, once they are complete
}

// value appends a node's value. Aliases are written out, so the size of what
// they make is bounded.
func (y *yamlReader) value(n *yaml.Node, depth int) error {
	switch {
	case depth > MaxDepth:
		return errDepth
	case len(y.out) > MaxBody:
		return fmt.Errorf("more than %d bytes once its aliases are written out", MaxBody)
	case n.Kind == yaml.AliasNode:
		known, ok := y.anchors[n.Alias]
		if !ok {
			return fmt.Errorf("alias *%s stands for a value that it is a part of", n.Value)
		}
		y.out = append(y.out, known...)
		return nil
	}
	start := len(y.out)
	if err := y.typed(n, depth+1); err != nil {
		return err
	}
	if n.Anchor != "" {
		y.anchors[n] = append([]byte(nil), y.out[start:]...)
	}
	return nil
}

// typed appends a value by its tag, or by its form where it has none.
func (y *yamlReader) typed(n *yaml.Node, depth int) error {
	tag := ""
	if n.Style&yaml.TaggedStyle != 0 {
		tag = n.Tag
	}
	switch {
	case n.Kind == yaml.SequenceNode && (tag == "" || tag == "!!seq"):
		return y.sequence(n.Content, depth)
	case n.Kind == yaml.MappingNode && (tag == "" || tag == "!!map"):
		return y.mapping(n.Content, depth)
	case n.Kind == yaml.MappingNode && tag == "!!set":
		keys := make([]*yaml.Node, 0, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			keys = append(keys, n.Content[i])
		}
		return y.sequence(keys, depth)
	case n.Kind == yaml.ScalarNode && tag == "":
		y.out = appendYAMLScalar(y.out, n.Value, n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0)
		return nil
	case n.Kind == yaml.ScalarNode:
		return y.tagged(tag, n.Value)
	}
	return fmt.Errorf("tag %s is not read here", n.Tag)
}

func (y *yamlReader) sequence(values []*yaml.Node, depth int) error {
	y.out = append(y.out, '[')
	for i, v := range values {
		if i > 0 {
			y.out = append(y.out, ", "...)
		}
		if err := y.value(v, depth); err != nil {
			return err
		}
	}
	y.out = append(y.out, ']')
	return nil
}

// mapping appends an object. What << merges comes first, so that the mapping's
// own keys, which are later, win.
func (y *yamlReader) mapping(pairs []*yaml.Node, depth int) error {
	start := len(y.out)
	y.out = append(y.out, '{')
	next := func() {
		if y.out[len(y.out)-1] != '{' || len(y.out) > start+1 {
			y.out = append(y.out, ", "...)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if !isMerge(pairs[i]) {
			continue
		}
		merged, err := y.merged(pairs[i+1], depth)
		if err != nil {
			return err
		}
		for _, m := range merged {
			next()
			y.out = m.append(y.out)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if isMerge(pairs[i]) {
			continue
		}
		next()
		at := len(y.out)
		if err := y.value(pairs[i], depth); err != nil {
			return err
		}
		var err error
		if y.out, err = asKey(y.out, at); err != nil {
			return err
		}
		y.out = append(y.out, ": "...)
		if err := y.value(pairs[i+1], depth); err != nil {
			return err
		}
	}
	y.out = append(y.out, '}')
	if len(pairs) <= 2 {
		return nil
	}
	// Of keys that come twice, one is left: later readers need not care.
	object, err := Members(y.out[start:])
	if err != nil {
		return err
	}
	y.out = append(y.out[:start], object.Append(nil)...)
	return nil
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.Tag == "!!merge" }

// merged returns the members that << brings in: of a mapping or a list of
// them, of which the first wins and so comes last.
func (y *yamlReader) merged(n *yaml.Node, depth int) (Object, error) {
	start := len(y.out)
	if err := y.value(n, depth); err != nil {
		return nil, err
	}
	value := append([]byte(nil), y.out[start:]...)
	y.out = y.out[:start]
	list := []json.RawMessage{value}
	if value[0] == '[' {
		var err error
		if list, err = Elements(value); err != nil {
			return nil, err
		}
	}
	var all Object
	for i := len(list) - 1; i >= 0; i-- {
		o, err := Members(list[i])
		if err != nil {
			return nil, errors.New("<< takes a mapping or a list of mappings")
		}
		all = append(all, o...)
	}
	return all, nil
}

// tagged appends a scalar whose type is said by a tag.
func (y *yamlReader) tagged(tag, text string) error {
	switch tag {
	case "!!str":
		y.out = AppendString(y.out, text)
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return fmt.Errorf("!!binary: %w", err)
		}
		y.out = appendBytes(y.out, data)
	case "!!null", "!!bool", "!!int", "!!float", "!!timestamp":
		out, ok := appendYAMLAs(y.out, tag[2:], text)
		if !ok {
			return fmt.Errorf("%s cannot be %q", tag, text)
		}
		y.out = out
	default:
		return fmt.Errorf("tag %s is not read", tag)
	}
	return nil
}
