package celery

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ControlExchange is the fanout exchange, not durable, that control requests
// are broadcast on; ReplyExchange is the direct one for their answers.
const (
	ControlExchange = "celery.pidbox"
	ReplyExchange   = "reply.celery.pidbox"
)

// A Request is a remote control command.
type Request struct {
	Method    string
	Arguments Object
	// Destination names the nodes that are meant; nil is all.
	Destination []string
	// Pattern picks nodes where Destination does not; Matcher is "glob" or "pcre".
	Pattern, Matcher string
	// Ticket and ReplyTo are empty where no reply is wanted.
	Ticket  string
	ReplyTo ReplyTo
	// Clock is the sender's Lamport time, from the headers.
	Clock int64
}

// ReplyTo is where the answer to a request goes.
type ReplyTo struct{ Exchange, RoutingKey string }

// DecodeRequest reads a control message.
func DecodeRequest(m Incoming) (Request, error) {
	fields, err := Members(m.Body)
	if err != nil {
		return Request{}, fmt.Errorf("decode control request: %w", err)
	}
	var r Request
	r.Method, _ = text(fields.Get("method"))
	if r.Method == "" {
		return Request{}, fmt.Errorf("decode control request: no method in %s", SafeRepr(m.Body, 128))
	}
	if raw := fields.Get("arguments"); !isNull(raw) {
		if r.Arguments, err = Members(raw); err != nil {
			return Request{}, fmt.Errorf("decode control request %s: arguments: %w", r.Method, err)
		}
	}
	if raw := fields.Get("destination"); !isNull(raw) {
		nodes, err := Elements(raw)
		if err != nil {
			return Request{}, fmt.Errorf("decode control request %s: destination: %w", r.Method, err)
		}
		for _, n := range nodes {
			name, _ := text(n)
			r.Destination = append(r.Destination, name)
		}
	}
	r.Pattern, _ = text(fields.Get("pattern"))
	r.Matcher, _ = text(fields.Get("matcher"))
	r.Ticket, _ = text(fields.Get("ticket"))
	if raw := fields.Get("reply_to"); !isNull(raw) {
		to, err := Members(raw)
		if err != nil {
			return Request{}, fmt.Errorf("decode control request %s: reply_to: %w", r.Method, err)
		}
		r.ReplyTo.Exchange, _ = text(to.Get("exchange"))
		r.ReplyTo.RoutingKey, _ = text(to.Get("routing_key"))
	}
	clock, _ := asInt(m.Headers["clock"])
	r.Clock = int64(clock)
	return r, nil
}

// Selected reports whether the request is for the node of the given name.
func (r Request) Selected(node string) bool {
	if len(r.Destination) > 0 {
		return slices.Contains(r.Destination, node)
	}
	if r.Pattern == "" || r.Matcher == "" {
		return true
	}
	pattern := r.Pattern
	switch r.Matcher {
	case "glob":
		pattern = globPattern(pattern)
	case "pcre":
		pattern = `\A(?:` + pattern + `)` // as re.match: from the start, not to the end
	default:
		return false
	}
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(node)
}

// Encode returns the body of the broadcast.
func (r Request) Encode() []byte {
	dst := append([]byte(`{"method": `), Quote(r.Method)...)
	dst = r.Arguments.Append(append(dst, `, "arguments": `...))
	dst = append(dst, `, "destination": `...)
	if r.Destination == nil {
		dst = append(dst, "null"...)
	} else {
		nodes := make([]json.RawMessage, len(r.Destination))
		for i, n := range r.Destination {
			nodes[i] = Quote(n)
		}
		dst = AppendArray(dst, nodes)
	}
	dst = appendOrNull(append(dst, `, "pattern": `...), r.Pattern)
	dst = appendOrNull(append(dst, `, "matcher": `...), r.Matcher)
	if r.Ticket != "" {
		dst = AppendString(append(dst, `, "ticket": `...), r.Ticket)
		dst = AppendString(append(dst, `, "reply_to": {"exchange": `...), r.ReplyTo.Exchange)
		dst = append(AppendString(append(dst, `, "routing_key": `...), r.ReplyTo.RoutingKey), '}')
	}
	return append(dst, '}')
}

// A Reply is a node's answer to a control request.
type Reply struct {
	Node  string
	Value json.RawMessage
}

// Encode returns the reply's body.
func (r Reply) Encode() []byte { return Object{{Key: r.Node, Value: r.Value}}.Append(nil) }

// DecodeReply reads the body of a reply.
func DecodeReply(body []byte) (Reply, error) {
	fields, err := Members(body)
	if err != nil {
		return Reply{}, fmt.Errorf("decode control reply: %w", err)
	}
	if len(fields) != 1 {
		return Reply{}, fmt.Errorf("decode control reply: %d nodes in one reply", len(fields))
	}
	return Reply{Node: fields[0].Key, Value: fields[0].Value}, nil
}

// Glob reports whether a pattern of Python's fnmatch fits all of a name.
func Glob(pattern, name string) bool {
	re, err := regexp.Compile(globPattern(pattern))
	return err == nil && re.MatchString(name)
}

// globPattern is Python's fnmatch.translate: *, ?, [seq] and [!seq], over all
// of the name.
func globPattern(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A(?:`)
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(`.*`)
		case '?':
			b.WriteString(`.`)
		case '[':
			// A bracket that closes at once is a member of the set.
			from := i + 1
			if from < len(glob) && glob[from] == '!' {
				from++
			}
			if from < len(glob) && glob[from] == ']' {
				from++
			}
			end := strings.IndexByte(glob[min(from, len(glob)):], ']')
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			end += from
			set := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(glob[i+1 : end])
			if rest, ok := strings.CutPrefix(set, "!"); ok {
				set = "^" + rest
			}
			b.WriteString("[" + set + "]")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	b.WriteString(`)\z`)
	return b.String()
}
