package spark

import (
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// opCached is the op of a placeholder; its node's text is its id.
const opCached = "cached"

// placeholderPrefix begins the relation ids that no engine knows.
const placeholderPrefix = "sparkstalk:"

// A CachedInput is a cached DataFrame that a plan reads.
type CachedInput struct {
	ID   string     // of the placeholder that stands for it in the plan
	Hash string     // of the plan that defines it
	Name string     // for people
	Plan *DataFrame // what defines it; it may read cached DataFrames itself
}

// Cached returns df as a cached DataFrame: a placeholder that stands for its
// rows, wherever they will be, and refers to df as their definition. Before an
// action, [DataFrame.Substitute] replaces it by what the engine has.
func (df *DataFrame) Cached(name string) *DataFrame {
	if df.Err() != nil {
		return Invalid(df.Err())
	}
	if df.node.op == opCached {
		return df
	}
	hash, err := df.Hash()
	if err != nil {
		return Invalid(err)
	}
	in := CachedInput{ID: placeholderPrefix + hash, Hash: hash, Name: name, Plan: df}
	out := frame(cachedNode(opCached, in.ID), nil, nil)
	if out.err == nil {
		out.node.detail = name
		// As with PySpark's cache(), columns of df are columns of the result.
		out.node.id = df.node.id
		out.cached = []CachedInput{in}
	}
	return out
}

func cachedNode(op, id string) *node {
	n := leaf(op, textWeight(id))
	n.detail, n.text = id, id
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_CachedRemoteRelation{
			CachedRemoteRelation: &sparkpb.CachedRemoteRelation{RelationId: id},
		}}
	}
	return n
}

// CachedInputs returns the cached DataFrames that the plan reads itself, each
// once, from left to right. Those that their own plans read are not among them.
func (df *DataFrame) CachedInputs() []CachedInput {
	if df.Err() != nil {
		return nil
	}
	return slices.Clone(df.cached)
}

// Substitute returns the plan with relations of the engine in place of cached
// DataFrames: ids has the engine's relation id for [CachedInput.ID]. Others
// stay as they are.
func (df *DataFrame) Substitute(ids map[string]string) *DataFrame {
	if df.Err() != nil || len(df.cached) == 0 {
		return df
	}
	out := &DataFrame{}
	for _, in := range df.cached {
		if _, ok := ids[in.ID]; !ok {
			out.cached = append(out.cached, in)
		}
	}
	// Steps over nothing that is replaced are shared with df.
	copies := make(map[*node]*node)
	df.node.walk(make(map[*node]bool), func(n *node) { copies[n] = n.substitute(ids, copies) })
	out.node = copies[df.node]
	return out
}

// substitute returns n with its inputs' copies, or n itself if none differs.
func (n *node) substitute(ids map[string]string, copies map[*node]*node) *node {
	if n.op == opCached {
		id, ok := ids[n.text]
		if !ok {
			return n
		}
		c := cachedNode("checkpoint", id)
		c.id, c.depth = n.id, n.depth
		return c
	}
	out := n
	for i, in := range n.inputs {
		if copies[in] == in {
			continue
		}
		if out == n {
			c := *n
			c.inputs = slices.Clone(n.inputs)
			out = &c
		}
		out.inputs[i] = copies[in]
	}
	return out
}

// mergeCached appends what a does not have yet. It changes neither.
func mergeCached(a, b []CachedInput) []CachedInput {
	if len(a) == 0 {
		return b
	}
	out := slices.Clip(a)
	for _, in := range b {
		if !slices.ContainsFunc(out, func(have CachedInput) bool { return have.ID == in.ID }) {
			out = append(out, in)
		}
	}
	return out
}

// checkMaterialised refuses a plan that still has placeholders.
func (df *DataFrame) checkMaterialised() error {
	if len(df.cached) == 0 {
		return nil
	}
	return fmt.Errorf("cached DataFrame %q is not in the engine yet: plans that read one run through the cache", df.cached[0].Name)
}
