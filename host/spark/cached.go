package spark

import (
	"fmt"
	"slices"
	"time"

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
	Keep Keeping    // how its rows are to be kept
}

// Keeping says how the rows of a cached DataFrame are to be kept. The zero value
// leaves all of it to the cache.
type Keeping struct {
	// StorageLevel persists the rows at one of PySpark's levels, such as
	// MEMORY_AND_DISK; [Checkpointed] checkpoints them.
	StorageLevel string
	// Lazy leaves computing the rows to the first action that reads them.
	Lazy bool
	// TTL is how long the rows are used. Zero leaves it open, negative is for ever.
	TTL time.Duration
}

// Checkpointed is the [Keeping.StorageLevel] of a checkpoint.
const Checkpointed = "CHECKPOINT"

// Cached returns df as a cached DataFrame: a placeholder that stands for its
// rows, wherever they will be, and refers to df as their definition. Before an
// action, [DataFrame.Substitute] replaces it by what the engine has.
func (df *DataFrame) Cached(name string) *DataFrame { return df.CachedAs(name, Keeping{}) }

// CachedAs is [DataFrame.Cached] with a say in how the rows are kept.
func (df *DataFrame) CachedAs(name string, keep Keeping) *DataFrame {
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
	in := CachedInput{ID: placeholderPrefix + hash, Hash: hash, Name: name, Plan: df, Keep: keep}
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

// IsCached reports whether df is a cached DataFrame itself, rather than a plan
// that reads some.
func (df *DataFrame) IsCached() bool { return df.Err() == nil && df.node.op == opCached }

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
	frames := make(map[string]*DataFrame, len(ids))
	for placeholder, id := range ids {
		frames[placeholder] = Relation(id)
	}
	return df.Replace(frames)
}

// Relation returns the rows that the engine keeps as a [Checkpoint] with the
// given id.
func Relation(id string) *DataFrame { return frame(cachedNode("checkpoint", id), nil, nil) }

// Replace returns the plan with other plans in place of cached DataFrames:
// frames has them for [CachedInput.ID]. Others stay as they are.
func (df *DataFrame) Replace(frames map[string]*DataFrame) *DataFrame {
	if df.Err() != nil || len(df.cached) == 0 {
		return df
	}
	out := &DataFrame{needs: df.needs, functions: df.functions, differs: df.differs}
	for _, in := range df.cached {
		other, ok := frames[in.ID]
		if !ok {
			out.cached = append(out.cached, in)
			continue
		}
		if err := other.Err(); err != nil {
			return Invalid(err)
		}
		out.cached = mergeCached(out.cached, other.cached)
		out.needs = merge(out.needs, other.needs)
		out.functions = merge(out.functions, other.functions)
		out.differs = out.differs || other.differs
	}
	// Steps over nothing that is replaced are shared with df.
	copies := make(map[*node]*node)
	df.node.walk(make(map[*node]bool), func(n *node) { copies[n] = n.substitute(frames, copies) })
	out.node = copies[df.node]
	if err := checkPlan(out.node.depth, out.node.weight); err != nil {
		return Invalid(err)
	}
	return out
}

// substitute returns n with its inputs' copies, or n itself if none differs.
func (n *node) substitute(frames map[string]*DataFrame, copies map[*node]*node) *node {
	if n.op == opCached {
		other, ok := frames[n.text]
		if !ok {
			return n
		}
		c := *other.node
		c.id = n.id // columns may refer to it
		return &c
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
		// At most by so much: a deeper input may have been another one.
		out.depth += max(0, copies[in].depth-in.depth)
		out.weight = addWeight(out.weight, max(0, copies[in].weight-in.weight))
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
