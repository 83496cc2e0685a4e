package hostfn

import (
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// nodeBytes is about what one relation or expression takes in a plan's message
// and in memory, beside its texts.
const nodeBytes = 64

// table numbers the things of one kind that a guest made, from 1.
type table[T any] struct {
	slots []slot[T]
	full  uint32 // the handle that all get who ask for more than allowed
}

// slot holds one thing and its size in a plan, written out in full.
type slot[T any] struct {
	value  T
	weight int64
}

func (t *table[T]) add(value T, weight int64) uint32 {
	t.slots = append(t.slots, slot[T]{value, weight})
	return uint32(len(t.slots))
}

func (t *table[T]) get(handle uint32) (slot[T], bool) {
	if handle == 0 || uint64(handle) > uint64(len(t.slots)) {
		return slot[T]{}, false
	}
	return t.slots[handle-1], true
}

// builder makes one frame or expression for the guest: it looks up what that is
// made of and adds up its size. What is wrong is kept until the end.
type builder struct {
	i      *Invocation
	fn     string // the method of abi.Host
	weight int64  // of what is built, written out in full
	err    error  // the first thing that is wrong
}

func (i *Invocation) build(fn string) *builder {
	return &builder{i: i, fn: fn, weight: nodeBytes}
}

// invalid notes what is wrong with the guest's call. The first reason counts.
func (b *builder) invalid(typ, format string, args ...any) {
	if b.err == nil {
		b.err = abi.Errorf(typ, "%s: "+format, append([]any{b.fn}, args...)...)
	}
}

func (b *builder) frame(h abi.Frame) *spark.DataFrame {
	s, ok := b.i.frames.get(uint32(h))
	if !ok {
		b.missing("frame", uint32(h))
		return spark.Invalid(b.err)
	}
	b.weight += s.weight
	return s.value
}

func (b *builder) expr(h abi.Expr) *spark.Column {
	s, ok := b.i.exprs.get(uint32(h))
	if !ok {
		b.missing("expression", uint32(h))
		return spark.InvalidColumn(b.err)
	}
	b.weight += s.weight
	return s.value
}

func (b *builder) missing(kind string, h uint32) {
	switch {
	case b.i.closed:
		b.invalid(typeBadHandle, "%s %d was used after its task had ended", kind, h)
	case h == 0:
		b.invalid(typeBadHandle, "no %s is given (handle 0)", kind)
	default:
		b.invalid(typeBadHandle, "%s %d does not exist in this task; handles are valid only in the call that made them", kind, h)
	}
}

func (b *builder) frameList(handles []abi.Frame) []*spark.DataFrame {
	frames := make([]*spark.DataFrame, 0, min(len(handles), b.i.most.Handles))
	for _, h := range handles {
		frames = append(frames, b.frame(h))
		if b.wrong() {
			break // a long list of one handle is cheap for the guest to make
		}
	}
	return frames
}

func (b *builder) exprList(handles []abi.Expr) []*spark.Column {
	columns := make([]*spark.Column, 0, min(len(handles), b.i.most.Handles))
	for _, h := range handles {
		columns = append(columns, b.expr(h))
		if b.wrong() {
			break // a long list of one handle is cheap for the guest to make
		}
	}
	return columns
}

// text counts a string that the plan keeps. Protobuf takes no text that is not
// UTF-8.
func (b *builder) text(s string) string {
	b.count(len(s))
	if !utf8.ValidString(s) {
		b.invalid(typeValue, "the text %q is not UTF-8; other bytes can be a binary literal", cut(s, 100))
	}
	return s
}

// texts counts strings that the plan keeps.
func (b *builder) texts(list []string) []string {
	for _, s := range list {
		b.count(16)
		b.text(s)
	}
	return list
}

func (b *builder) count(n int) {
	b.weight += int64(n)
	b.i.bytes += int64(n)
}

// same notes an error unless the lists are of one length.
func (b *builder) same(what string, n int, other string, m int) {
	if n != m {
		b.invalid(typeValue, "%d %s for %d %s; there must be as many of one as of the other", n, what, m, other)
	}
}

// pairs turns names and values by turns into a map.
func (b *builder) pairs(list []string) map[string]string {
	if len(list)%2 != 0 {
		b.invalid(typeValue, "options are names and values by turns, and the last of %d has no value: %q", len(list), cut(list[len(list)-1], 100))
		return nil
	}
	b.texts(list)
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]string, len(list)/2)
	for n := 0; n < len(list); n += 2 {
		m[list[n]] = list[n+1]
	}
	return m
}

// wrong checks the sizes, and reports whether anything is wrong by now.
func (b *builder) wrong() bool {
	limit := b.i.most.PlanBytes
	switch {
	case b.i.bytes > limit:
		b.invalid(typeLimit, "the task has handed over more than %s of texts and literals; read large data from files instead", size(limit))
	case b.weight > limit:
		b.invalid(typeLimit, "the plan would take more than %s; a frame that is used many times should be cached, so that the plan only refers to it", size(limit))
	}
	return b.err != nil
}

func (b *builder) tooMany() bool {
	if len(b.i.frames.slots)+len(b.i.exprs.slots) < b.i.most.Handles {
		return false
	}
	b.invalid(typeLimit, "the task has made more than %d frames and expressions (setting modules, handles)", b.i.most.Handles)
	return true
}

// keepFrame gives the guest a handle for df, or for what is wrong with it.
func (b *builder) keepFrame(df *spark.DataFrame) abi.Frame {
	t := &b.i.frames
	if b.tooMany() {
		if t.full == 0 {
			t.full = t.add(spark.Invalid(b.err), nodeBytes)
		}
		return abi.Frame(t.full)
	}
	if b.wrong() {
		return abi.Frame(t.add(spark.Invalid(b.err), nodeBytes))
	}
	return abi.Frame(t.add(df, b.weight))
}

// keepExpr gives the guest a handle for column, or for what is wrong with it.
func (b *builder) keepExpr(column *spark.Column) abi.Expr {
	t := &b.i.exprs
	if b.tooMany() {
		if t.full == 0 {
			t.full = t.add(spark.InvalidColumn(b.err), nodeBytes)
		}
		return abi.Expr(t.full)
	}
	if b.wrong() {
		return abi.Expr(t.add(spark.InvalidColumn(b.err), nodeBytes))
	}
	return abi.Expr(t.add(column, b.weight))
}
