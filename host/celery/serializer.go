package celery

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A serializer is one way in which a body is written. kombu's names, content
// types and encodings (kombu.serialization).
type serializer struct {
	name, contentType, encoding string
	// toJSON returns the body's one value as JSON, with kombu's special values
	// for what JSON has no form for. It is nil for JSON itself.
	toJSON func(body []byte) (json.RawMessage, error)
	// fromJSON is the other way.
	fromJSON func(value []byte) ([]byte, error)
}

var serializers = []serializer{
	{name: "json", contentType: ContentType, encoding: "utf-8"},
	{name: "msgpack", contentType: "application/x-msgpack", encoding: "binary", toJSON: msgpackToJSON, fromJSON: jsonToMsgpack},
	{name: "yaml", contentType: "application/x-yaml", encoding: "utf-8", toJSON: yamlToJSON, fromJSON: jsonToYAML},
}

// Accept returns the content types of Celery's accept_content: names of
// serializers or content types. The error names what this worker does not read;
// pickle is never read, since reading it runs what the sender wrote.
func Accept(content []string) ([]string, error) {
	var types []string
	for _, want := range content {
		i := slices.IndexFunc(serializers, func(s serializer) bool { return want == s.name || want == s.contentType })
		switch {
		case i >= 0:
			types = append(types, serializers[i].contentType)
		case want == "pickle" || want == "application/x-python-serialize":
			return nil, fmt.Errorf("accept_content: pickle is never read, since it runs code of the sender; use %s", serializerNames())
		default:
			return nil, fmt.Errorf("accept_content: %q is no serializer of this worker; it reads %s", want, serializerNames())
		}
	}
	return types, nil
}

// SerializerNames are the names of the serializers with the given content types.
func SerializerNames(types []string) []string {
	names := make([]string, 0, len(types))
	for _, s := range serializers {
		if slices.Contains(types, s.contentType) {
			names = append(names, s.name)
		}
	}
	return names
}

// Readable are the content types of all serializers that are read.
func Readable() []string {
	var types []string
	for _, s := range serializers {
		types = append(types, s.contentType)
	}
	return types
}

func serializerNames() string {
	var names []string
	for _, s := range serializers {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// serializer returns how a body of an accepted content type is read.
func (d Decoder) serializer(contentType string) (serializer, bool) {
	accepted := d.Accept
	if len(accepted) == 0 {
		accepted = []string{ContentType}
	}
	if !slices.Contains(accepted, contentType) {
		return serializer{}, false
	}
	i := slices.IndexFunc(serializers, func(s serializer) bool { return s.contentType == contentType })
	if i < 0 {
		return serializer{}, false
	}
	return serializers[i], true
}

// accepts returns the accepted content types, for messages.
func (d Decoder) accepts() string {
	if len(d.Accept) == 0 {
		return ContentType
	}
	return strings.Join(d.Accept, ", ")
}

// appendSpecial appends one of kombu's special values.
func appendSpecial(dst []byte, kind, value string) []byte {
	dst = append(dst, `{"__type__": `...)
	dst = AppendString(dst, kind)
	dst = append(dst, `, "__value__": `...)
	dst = AppendString(dst, value)
	return append(dst, '}')
}

// appendBytes appends bytes as kombu's JSON has them.
func appendBytes(dst, data []byte) []byte {
	if utf8.Valid(data) {
		return appendSpecial(dst, "bytes", string(data))
	}
	return appendSpecial(dst, "base64", base64.StdEncoding.EncodeToString(data))
}
