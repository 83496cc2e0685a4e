package spark

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// renderer turns a plan into the messages that are sent. One renderer is for
// one rendering.
type renderer struct {
	// number returns the plan id to write for a node's; nil keeps it, negative
	// results leave it out.
	number func(id int64) int64
	// refer is told of each id that an expression refers to, if not nil.
	refer func(id int64)
	// sail says that the plan is for Sail, which takes some steps in another form.
	// Hashes are of Spark's.
	sail bool
	// err is why the plan cannot be sent to this engine.
	err error
	// done has what is built already: a node may be in a plan many times.
	done map[*node]*sparkpb.Relation
}

// relation returns the message of a valid frame.
func (df *DataFrame) relation() *sparkpb.Relation {
	r := renderer{done: make(map[*node]*sparkpb.Relation)}
	return r.relation(df.node)
}

func (r *renderer) relation(n *node) *sparkpb.Relation {
	if rel := r.done[n]; rel != nil {
		return rel
	}
	inputs := make([]*sparkpb.Relation, len(n.inputs))
	for i, in := range n.inputs {
		inputs[i] = r.relation(in)
	}
	direct := len(inputs) - n.subqueries
	rel := n.build(r, inputs[:direct])
	if n.subqueries > 0 {
		// The id below is of the whole, for that is what other steps have as input.
		rel = &sparkpb.Relation{RelType: &sparkpb.Relation_WithRelations{WithRelations: &sparkpb.WithRelations{
			Root: rel, References: inputs[direct:],
		}}}
	}
	if id := r.id(n.id); id >= 0 {
		rel.Common = &sparkpb.RelationCommon{PlanId: &id}
	}
	r.done[n] = rel
	return rel
}

func (r *renderer) id(id int64) int64 {
	if r.number == nil {
		return id
	}
	return r.number(id)
}

// reference returns the plan id to write into an expression.
func (r *renderer) reference(id int64) *int64 {
	if r.refer != nil {
		r.refer(id)
	}
	id = r.id(id)
	return &id
}

func (r *renderer) exprs(columns []*Column) []*sparkpb.Expression {
	if len(columns) == 0 {
		return nil
	}
	out := make([]*sparkpb.Expression, len(columns))
	for i, c := range columns {
		out[i] = c.build(r)
	}
	return out
}

// hashVersion is part of every hash; it changes when equal plans come to be
// sent in another form.
const hashVersion = "sparkstalk plan 1\n"

// Hash returns the SHA-256 of the plan in hexadecimal. It is the same for plans
// built alike, in any process: ids that only tell steps apart do not count. It
// says nothing about the data behind the plan.
func (df *DataFrame) Hash() (string, error) {
	if err := df.Err(); err != nil {
		return "", err
	}
	// Only ids that an expression refers to carry meaning. They are numbered in
	// the order in which they are come across.
	numbers := make(map[int64]int64)
	scan := renderer{done: make(map[*node]*sparkpb.Relation), refer: func(id int64) { numbers[id] = 0 }}
	scan.relation(df.node)
	next := int64(0)
	r := renderer{done: make(map[*node]*sparkpb.Relation), number: func(id int64) int64 {
		number, referred := numbers[id]
		switch {
		case !referred:
			return -1
		case number == 0:
			next++
			number = next
			numbers[id] = number
		}
		return number
	}}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.relation(df.node))
	if err != nil {
		return "", fmt.Errorf("hash plan: %w", err)
	}
	h := sha256.New()
	h.Write([]byte(hashVersion))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// maxText is where [DataFrame.String] ends.
const maxText = 600

// String returns the plan's steps in one line, from the last one to the
// sources, for logs. It holds no literals.
func (df *DataFrame) String() string {
	if err := df.Err(); err != nil {
		return "invalid: " + err.Error()
	}
	var b strings.Builder
	df.node.describe(&b)
	if b.Len() > maxText {
		return strings.ToValidUTF8(b.String()[:maxText], "") + "…"
	}
	return b.String()
}

func (n *node) describe(b *strings.Builder) {
	if b.Len() > maxText {
		return
	}
	b.WriteString(n.op)
	if n.detail != "" {
		b.WriteByte(' ')
		b.WriteString(oneLine(n.detail))
	}
	switch len(n.inputs) {
	case 0:
	case 1:
		b.WriteString(" ← ")
		n.inputs[0].describe(b)
	default:
		b.WriteString(" ← (")
		for i, in := range n.inputs {
			if i > 0 {
				b.WriteString("; ")
			}
			in.describe(b)
		}
		b.WriteByte(')')
	}
}

// oneLine makes text fit a line of a log.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 80 {
		return strings.ToValidUTF8(text[:80], "") + "…"
	}
	return text
}
