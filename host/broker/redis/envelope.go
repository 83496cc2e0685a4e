package redis

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// envelope is a message as kombu's virtual transports keep it, in JSON
// (kombu.transport.virtual.Channel.prepare_message).
type envelope struct {
	Body            string         `json:"body"`
	ContentEncoding string         `json:"content-encoding"`
	ContentType     string         `json:"content-type"`
	Headers         map[string]any `json:"headers"`
	Properties      properties     `json:"properties"`
}

type properties struct {
	CorrelationID string `json:"correlation_id,omitempty"`
	ReplyTo       string `json:"reply_to,omitempty"`
	// Celery for Node.js has these two in its own spelling; they are only read.
	CorrelationIDNode string       `json:"correlationId,omitempty"`
	ReplyToNode       string       `json:"replyTo,omitempty"`
	DeliveryMode      int          `json:"delivery_mode"`
	DeliveryInfo      deliveryInfo `json:"delivery_info"`
	Priority          *uint8       `json:"priority"`
	Expiration        string       `json:"expiration,omitempty"`
	BodyEncoding      string       `json:"body_encoding"`
	DeliveryTag       string       `json:"delivery_tag"`
}

type deliveryInfo struct {
	Exchange    string `json:"exchange"`
	RoutingKey  string `json:"routing_key"`
	Redelivered bool   `json:"redelivered,omitempty"`
}

// Delivery modes of AMQP.
const (
	transientMode  = 1
	persistentMode = 2
)

// seal writes a publication as an envelope with a delivery tag of its own.
func seal(p broker.Publication) ([]byte, error) {
	headers, err := toJSON(p.Headers)
	if err != nil {
		return nil, fmt.Errorf("header %w", err)
	}
	e := envelope{
		Body: base64.StdEncoding.EncodeToString(p.Body), ContentEncoding: p.ContentEncoding, ContentType: p.ContentType,
		Headers: headers.(map[string]any),
		Properties: properties{
			CorrelationID: p.CorrelationID, ReplyTo: p.ReplyTo, DeliveryMode: transientMode, Priority: p.Priority,
			DeliveryInfo: deliveryInfo{Exchange: p.Exchange, RoutingKey: p.RoutingKey},
			BodyEncoding: "base64", DeliveryTag: uuid.NewString(),
		},
	}
	if p.Persistent {
		e.Properties.DeliveryMode = persistentMode
	}
	if e.Properties.Priority == nil { // kombu's readers need a number
		e.Properties.Priority = new(uint8)
	}
	if p.Expiration > 0 {
		e.Properties.Expiration = fmt.Sprint(p.Expiration.Milliseconds())
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// open reads an envelope.
func open(raw []byte) (broker.Delivery, error) {
	var e envelope
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&e); err != nil {
		return broker.Delivery{}, fmt.Errorf("envelope: %w", err)
	}
	body := []byte(e.Body)
	switch e.Properties.BodyEncoding {
	case "base64":
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return broker.Delivery{}, fmt.Errorf("envelope: body: %w", err)
		}
	case "": // the body as text, as some clients of other languages have it
	default:
		return broker.Delivery{}, fmt.Errorf("envelope: body_encoding %q is not known", e.Properties.BodyEncoding)
	}
	pr := e.Properties
	d := broker.Delivery{
		Message: broker.Message{
			Body: body, ContentType: e.ContentType, ContentEncoding: e.ContentEncoding,
			CorrelationID: pr.CorrelationID + pr.CorrelationIDNode, ReplyTo: pr.ReplyTo + pr.ReplyToNode,
			Priority: pr.Priority, Persistent: pr.DeliveryMode == persistentMode,
		},
		Exchange: pr.DeliveryInfo.Exchange, RoutingKey: pr.DeliveryInfo.RoutingKey, Redelivered: pr.DeliveryInfo.Redelivered,
	}
	if pr.CorrelationID != "" && pr.CorrelationIDNode != "" {
		d.CorrelationID = pr.CorrelationID
	}
	if pr.ReplyTo != "" && pr.ReplyToNode != "" {
		d.ReplyTo = pr.ReplyTo
	}
	if ms, err := time.ParseDuration(pr.Expiration + "ms"); err == nil {
		d.Expiration = ms
	}
	// One by one: as a whole they might look like a special value.
	for k, v := range e.Headers {
		if d.Headers == nil {
			d.Headers = make(map[string]any, len(e.Headers))
		}
		d.Headers[k] = fromJSON(v)
	}
	return d, nil
}

// redelivered marks an envelope as kombu does when it puts a message back: all
// else keeps its bytes. priority is the message's.
func redelivered(raw []byte) (marked []byte, priority uint8, err error) {
	var e, props map[string]json.RawMessage
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, 0, fmt.Errorf("envelope: %w", err)
	}
	if err := json.Unmarshal(e["properties"], &props); err != nil {
		return nil, 0, fmt.Errorf("envelope: properties: %w", err)
	}
	mark := func(in json.RawMessage) (json.RawMessage, error) {
		fields := map[string]json.RawMessage{}
		if len(in) > 0 {
			if err := json.Unmarshal(in, &fields); err != nil {
				return nil, fmt.Errorf("envelope: %w", err)
			}
		}
		if fields == nil { // of a null
			fields = map[string]json.RawMessage{}
		}
		fields["redelivered"] = json.RawMessage("true")
		return json.Marshal(fields)
	}
	if e["headers"], err = mark(e["headers"]); err != nil {
		return nil, 0, err
	}
	if props["delivery_info"], err = mark(props["delivery_info"]); err != nil {
		return nil, 0, err
	}
	if n := props["priority"]; len(n) > 0 && string(n) != "null" {
		if err := json.Unmarshal(n, &priority); err != nil {
			priority = 0 // as kombu takes what is no number
		}
	}
	if e["properties"], err = json.Marshal(props); err != nil {
		return nil, 0, err
	}
	marked, err = json.Marshal(e)
	return marked, priority, err
}

// toJSON replaces what JSON lacks by kombu's special values (kombu.utils.json).
func toJSON(v any) (any, error) {
	special := func(kind, value string) map[string]any {
		return map[string]any{"__type__": kind, "__value__": value}
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case []byte:
		if utf8.Valid(v) {
			return special("bytes", string(v)), nil
		}
		return special("base64", base64.StdEncoding.EncodeToString(v)), nil
	case time.Time:
		return special("datetime", v.Format("2006-01-02T15:04:05.999999-07:00")), nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = toJSON(e); err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			var err error
			if out[k], err = toJSON(e); err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("has type %T, which a header cannot", v)
}

// fromJSON is the way back: numbers become int64 where they fit, else float64.
func fromJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // out of range is infinity, which is nearest
		return f
	case []any:
		for i := range v {
			v[i] = fromJSON(v[i])
		}
	case map[string]any:
		if s, ok := fromSpecial(v); ok {
			return s
		}
		for k := range v {
			v[k] = fromJSON(v[k])
		}
	}
	return v
}

func fromSpecial(v map[string]any) (any, bool) {
	kind, _ := v["__type__"].(string)
	value, ok := v["__value__"].(string)
	if len(v) != 2 || !ok {
		return nil, false
	}
	switch kind {
	case "bytes":
		return []byte(value), true
	case "base64":
		data, err := base64.StdEncoding.DecodeString(value)
		return data, err == nil
	case "datetime":
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
			if t, err := time.Parse(layout, value); err == nil {
				return t, true
			}
		}
	}
	return nil, false
}

// A layout is how kombu's keys and members are made.
type layout struct {
	// steps are the priority steps, in order: each has a list of its own.
	steps []uint8
	// separator joins the parts.
	separator string
}

// kombus is the layout of a kombu without transport options.
var kombus = layout{[]uint8{0, 3, 6, 9}, "\x06\x16"}

// list is the Redis list in which a queue keeps messages of a priority. On
// Redis zero is the highest priority (kombu.transport.redis, priority_steps).
func (l layout) list(queue string, priority uint8) string {
	step := l.steps[len(l.steps)-1] // as kombu has what is below the first
	if priority >= l.steps[0] {
		for _, s := range l.steps {
			if priority >= s {
				step = s
			}
		}
	}
	if step == 0 {
		return queue
	}
	return fmt.Sprint(queue, l.separator, step)
}

// A binding is a member of an exchange's set of bindings.
type binding struct{ key, pattern, queue string }

func (l layout) member(b binding) string {
	return strings.Join([]string{b.key, b.pattern, b.queue}, l.separator)
}

var errBinding = errors.New("binding has not three parts")

func (l layout) binding(member string) (binding, error) {
	parts := strings.Split(member, l.separator)
	if len(parts) != 3 {
		return binding{}, fmt.Errorf("%q: %w", member, errBinding)
	}
	return binding{parts[0], parts[1], parts[2]}, nil
}

// topicPattern is the regular expression that kombu keeps for a topic binding
// (kombu.transport.virtual.exchange.TopicExchange.key_to_pattern).
func topicPattern(key string) string {
	words := strings.Split(key, ".")
	for i, w := range words {
		switch w {
		case "*":
			words[i] = `[^\.]+`
		case "#":
			words[i] = `.*?`
		default:
			words[i] = quoteWord(w)
		}
	}
	return "^" + strings.Join(words, `\.`) + "$"
}

// quoteWord escapes a word as kombu does: all but letters and digits
// (kombu.utils.text.escape_regex).
func quoteWord(w string) string {
	var b strings.Builder
	for _, r := range w {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("#*", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
