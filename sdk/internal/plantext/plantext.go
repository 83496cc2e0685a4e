// Package plantext writes plans and column expressions as text: an abi.Host
// whose frames and expressions are trees of words instead of Spark's.
package plantext

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Plans answers the methods of [abi.Host] that build frames and expressions,
// and refuses all others. Its zero value is ready. It is used by one goroutine.
type Plans struct {
	abi.Unsupported
	frames []*frame
	exprs  []expr
	marks  int
	views  map[string]abi.Frame // temporary ones, by name in lower case
}

type frame struct {
	label    string
	children []*frame
	mark     int      // says which one a column of a certain frame is of; 0 is none
	caches   []string // names of cached frames in it, outermost first
	err      error
}

type expr struct {
	text   string
	caches []string // names of cached frames in its subqueries
	err    error
}

// Text returns the plan as a tree, an operation a line and its inputs below it,
// indented by two spaces.
func (p *Plans) Text(f abi.Frame) string {
	var b strings.Builder
	p.frame(f).write(&b, 0)
	return strings.TrimSuffix(b.String(), "\n")
}

func (f *frame) write(b *strings.Builder, depth int) {
	b.WriteString(strings.Repeat("  ", depth))
	b.WriteString(f.label)
	if f.mark > 0 {
		fmt.Fprintf(b, " #%d", f.mark)
	}
	b.WriteByte('\n')
	for _, c := range f.children {
		c.write(b, depth+1)
	}
}

// line is the plan on one line, a subquery's place in an expression.
func (f *frame) line() string {
	text := f.label
	switch len(f.children) {
	case 0:
		return text
	case 1:
		return text + " ← " + f.children[0].line()
	}
	inputs := make([]string, len(f.children))
	for i, c := range f.children {
		inputs[i] = c.line()
	}
	return text + " ← (" + strings.Join(inputs, "; ") + ")"
}

// Err returns why the plan could not be run whatever Spark thinks of it: a
// handle in it that does not exist. It is an [*abi.Error].
func (p *Plans) Err(f abi.Frame) error { return p.frame(f).err }

// Caches returns the names of the cached frames in a plan, outermost first.
func (p *Plans) Caches(f abi.Frame) []string { return slices.Clone(p.frame(f).caches) }

// ExprText returns an expression as text, much as SQL has it.
func (p *Plans) ExprText(e abi.Expr) string { return p.expr(e).text }

func (p *Plans) frame(f abi.Frame) *frame {
	if f == 0 || int(f) > len(p.frames) {
		return &frame{label: "?", err: abi.Errorf("ValueError", "there is no frame %d", f)}
	}
	return p.frames[f-1]
}

func (p *Plans) expr(e abi.Expr) expr {
	if e == 0 || int(e) > len(p.exprs) {
		return expr{text: "?", err: abi.Errorf("ValueError", "there is no expression %d", e)}
	}
	return p.exprs[e-1]
}

// keep adds a frame made of others, with the errors of all it is made of.
func (p *Plans) keep(label string, exprs []abi.Expr, children ...abi.Frame) abi.Frame {
	f := &frame{label: label}
	for _, c := range children {
		child := p.frame(c)
		f.children = append(f.children, child)
		f.caches = append(f.caches, child.caches...)
		if f.err == nil {
			f.err = child.err
		}
	}
	for _, e := range exprs {
		f.caches = append(f.caches, p.expr(e).caches...)
		if err := p.expr(e).err; f.err == nil {
			f.err = err
		}
	}
	p.frames = append(p.frames, f)
	return abi.Frame(len(p.frames))
}

func (p *Plans) keepExpr(text string, from ...abi.Expr) abi.Expr {
	e := expr{text: text}
	for _, f := range from {
		e.caches = append(e.caches, p.expr(f).caches...)
		if err := p.expr(f).err; e.err == nil {
			e.err = err
		}
	}
	p.exprs = append(p.exprs, e)
	return abi.Expr(len(p.exprs))
}

func (p *Plans) texts(list []abi.Expr) string {
	all := make([]string, len(list))
	for i, e := range list {
		all[i] = p.expr(e).text
	}
	return strings.Join(all, ", ")
}

func quoted(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = strconv.Quote(s)
	}
	return strings.Join(all, ", ")
}

// words joins the parts of a label that are there.
func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func pairs(options []string) string {
	var all []string
	for i := 0; i+1 < len(options); i += 2 {
		all = append(all, options[i]+"="+options[i+1])
	}
	if all == nil {
		return ""
	}
	return "(" + strings.Join(all, ", ") + ")"
}

// FrameRead implements [abi.Host].
func (p *Plans) FrameRead(format, schema string, options, paths []string) abi.Frame {
	if schema != "" {
		schema = "schema " + strconv.Quote(schema)
	}
	return p.keep(words("read", format, quoted(paths), pairs(options), schema), nil)
}

// FrameTable implements [abi.Host].
func (p *Plans) FrameTable(name string, options []string) abi.Frame {
	if view, ok := p.views[strings.ToLower(name)]; ok && len(options) == 0 {
		return p.FrameAlias(view, name)
	}
	return p.keep(words("table", name, pairs(options)), nil)
}

// FrameJDBC implements [abi.Host].
func (p *Plans) FrameJDBC(options, predicates []string) abi.Frame {
	where := ""
	if len(predicates) > 0 {
		where = "where " + quoted(predicates)
	}
	return p.keep(words("read jdbc", pairs(options), where), nil)
}

// FrameChanges implements [abi.Host].
func (p *Plans) FrameChanges(table string, options []string) abi.Frame {
	return p.keep(words("changes of", table, pairs(options)), nil)
}

// FrameSQL implements [abi.Host].
func (p *Plans) FrameSQL(query string, names []string, args []abi.Expr) abi.Frame {
	var all []string
	for i, a := range args {
		name := "?"
		if i < len(names) {
			name = names[i]
		}
		all = append(all, name+"="+p.expr(a).text)
	}
	with := ""
	if all != nil {
		with = "(" + strings.Join(all, ", ") + ")"
	}
	return p.keep(words("sql", strconv.Quote(query), with), args, p.viewsIn(query)...)
}

// FrameRange implements [abi.Host].
func (p *Plans) FrameRange(start, end, step int64, partitions int32) abi.Frame {
	label := fmt.Sprintf("range %d to %d", start, end)
	if step != 1 {
		label += fmt.Sprintf(" by %d", step)
	}
	if partitions != 0 {
		label += fmt.Sprintf(" in %d partitions", partitions)
	}
	return p.keep(label, nil)
}

// FrameLocal implements [abi.Host].
func (p *Plans) FrameLocal(schema string, rows []byte) abi.Frame {
	return p.keep(words("local", strconv.Quote(schema), string(rows)), nil)
}

// FrameLocalArrow implements [abi.Host].
func (p *Plans) FrameLocalArrow(schema string, stream []byte) abi.Frame {
	if schema != "" {
		schema = strconv.Quote(schema)
	}
	return p.keep(words("local", schema, fmt.Sprintf("Arrow stream of %d bytes", len(stream))), nil)
}

// FrameRaw implements [abi.Host].
func (p *Plans) FrameRaw(relation []byte) abi.Frame {
	return p.keep(fmt.Sprintf("raw plan of %d bytes", len(relation)), nil)
}

// FrameSelect implements [abi.Host].
func (p *Plans) FrameSelect(in abi.Frame, columns []abi.Expr) abi.Frame {
	return p.keep("select "+p.texts(columns), columns, in)
}

// FrameFilter implements [abi.Host].
func (p *Plans) FrameFilter(in abi.Frame, condition abi.Expr) abi.Frame {
	return p.keep("filter "+p.expr(condition).text, []abi.Expr{condition}, in)
}

// FrameWithColumns implements [abi.Host].
func (p *Plans) FrameWithColumns(in abi.Frame, names []string, columns []abi.Expr) abi.Frame {
	var all []string
	for i, c := range columns {
		all = append(all, names[i]+" = "+p.expr(c).text)
	}
	return p.keep("with "+strings.Join(all, ", "), columns, in)
}

// FrameDrop implements [abi.Host].
func (p *Plans) FrameDrop(in abi.Frame, names []string) abi.Frame {
	return p.keep("drop "+strings.Join(names, ", "), nil, in)
}

// FrameRename implements [abi.Host].
func (p *Plans) FrameRename(in abi.Frame, from, to []string) abi.Frame {
	var all []string
	for i, f := range from {
		all = append(all, f+" to "+to[i])
	}
	return p.keep("rename "+strings.Join(all, ", "), nil, in)
}

// FrameAggregate implements [abi.Host].
func (p *Plans) FrameAggregate(in abi.Frame, grouping abi.Grouping, keys, aggregates []abi.Expr) abi.Frame {
	by := map[abi.Grouping]string{abi.GroupBy: "by", abi.Rollup: "by rollup", abi.Cube: "by cube"}[grouping]
	if len(keys) == 0 {
		by = ""
	}
	return p.keep(words("aggregate", p.texts(aggregates), by, p.texts(keys)), slices.Concat(keys, aggregates), in)
}

// FrameJoin implements [abi.Host].
func (p *Plans) FrameJoin(left, right abi.Frame, how string, on abi.Expr, using []string) abi.Frame {
	label := words("join", how)
	var exprs []abi.Expr
	if on != 0 {
		exprs = []abi.Expr{on}
		label += " on " + p.expr(on).text
	}
	if len(using) > 0 {
		label += " using " + strings.Join(using, ", ")
	}
	return p.keep(label, exprs, left, right)
}

// FrameSetOp implements [abi.Host].
func (p *Plans) FrameSetOp(left, right abi.Frame, op abi.SetOp, all, byName, allowMissing bool) abi.Frame {
	label := map[abi.SetOp]string{abi.Union: "union", abi.Intersect: "intersect", abi.Except: "except"}[op]
	if all {
		label += " all"
	}
	if byName {
		label += " by name"
	}
	if allowMissing {
		label += " allowing missing columns"
	}
	return p.keep(label, nil, left, right)
}

// FrameSort implements [abi.Host].
func (p *Plans) FrameSort(in abi.Frame, orders []abi.Expr, global bool) abi.Frame {
	label := "sort " + p.texts(orders)
	if !global {
		label += " within partitions"
	}
	return p.keep(label, orders, in)
}

// FrameLimit implements [abi.Host].
func (p *Plans) FrameLimit(in abi.Frame, n int32) abi.Frame {
	return p.keep(fmt.Sprintf("limit %d", n), nil, in)
}

// FrameOffset implements [abi.Host].
func (p *Plans) FrameOffset(in abi.Frame, n int32) abi.Frame {
	return p.keep(fmt.Sprintf("offset %d", n), nil, in)
}

// FrameDistinct implements [abi.Host].
func (p *Plans) FrameDistinct(in abi.Frame, columns []string) abi.Frame {
	return p.keep(words("distinct", strings.Join(columns, ", ")), nil, in)
}

// FrameAlias implements [abi.Host].
func (p *Plans) FrameAlias(in abi.Frame, name string) abi.Frame {
	return p.keep("as "+name, nil, in)
}

// FrameCache implements [abi.Host].
func (p *Plans) FrameCache(in abi.Frame, name string) abi.Frame {
	return p.FrameCacheWith(in, name, nil)
}

// FrameCacheWith implements [abi.Host].
func (p *Plans) FrameCacheWith(in abi.Frame, name string, options []string) abi.Frame {
	f := p.keep(words("cache "+name, strings.Join(options, " ")), nil, in)
	kept := p.frame(f)
	kept.caches = slices.Insert(slices.Clone(kept.caches), 0, name)
	return f
}

// ExprColumn implements [abi.Host].
func (p *Plans) ExprColumn(name string) abi.Expr { return p.keepExpr(name) }

// ExprColumnOf implements [abi.Host].
func (p *Plans) ExprColumnOf(of abi.Frame, name string) abi.Expr { return p.columnOf(of, name) }

// ExprNull implements [abi.Host].
func (p *Plans) ExprNull() abi.Expr { return p.keepExpr("NULL") }

// ExprBool implements [abi.Host].
func (p *Plans) ExprBool(value bool) abi.Expr { return p.keepExpr(strconv.FormatBool(value)) }

// ExprInt implements [abi.Host].
func (p *Plans) ExprInt(value int64) abi.Expr { return p.keepExpr(strconv.FormatInt(value, 10)) }

// ExprFloat implements [abi.Host].
func (p *Plans) ExprFloat(value float64) abi.Expr {
	text := strconv.FormatFloat(value, 'g', -1, 64)
	if strings.Trim(text, "-0123456789") == "" {
		text += ".0" // else it would look like an integer
	}
	return p.keepExpr(text)
}

// ExprString implements [abi.Host].
func (p *Plans) ExprString(value string) abi.Expr {
	inside := strings.ReplaceAll(strconv.Quote(value), `\"`, `"`)
	return p.keepExpr("'" + strings.ReplaceAll(inside[1:len(inside)-1], "'", `\'`) + "'")
}

// ExprBinary implements [abi.Host].
func (p *Plans) ExprBinary(value []byte) abi.Expr {
	return p.keepExpr("X'" + hex.EncodeToString(value) + "'")
}

// infix are the functions that are written between their arguments.
var infix = map[string]bool{
	"==": true, "<=>": true, "<": true, "<=": true, ">": true, ">=": true, "and": true, "or": true,
	"+": true, "-": true, "*": true, "/": true, "%": true, "&": true, "|": true, "^": true,
	"like": true, "ilike": true, "rlike": true,
}

// ExprCall implements [abi.Host].
func (p *Plans) ExprCall(function string, args []abi.Expr, distinct bool) abi.Expr {
	if infix[function] && len(args) == 2 {
		return p.keepExpr("("+p.expr(args[0]).text+" "+function+" "+p.expr(args[1]).text+")", args...)
	}
	only := ""
	if distinct {
		only = "DISTINCT "
	}
	return p.keepExpr(function+"("+only+p.texts(args)+")", args...)
}

// ExprCast implements [abi.Host].
func (p *Plans) ExprCast(in abi.Expr, ddl string, try bool) abi.Expr {
	function := "cast"
	if try {
		function = "try_cast"
	}
	return p.keepExpr(function+"("+p.expr(in).text+" AS "+ddl+")", in)
}

// ExprAlias implements [abi.Host].
func (p *Plans) ExprAlias(in abi.Expr, names []string) abi.Expr {
	as := strings.Join(names, ", ")
	if len(names) != 1 {
		as = "(" + as + ")"
	}
	return p.keepExpr(p.expr(in).text+" AS "+as, in)
}

// ExprSort implements [abi.Host]. Nulls first is what ascending order has by
// itself, nulls last what descending order has: only the others are written.
func (p *Plans) ExprSort(in abi.Expr, descending, nullsLast bool) abi.Expr {
	text := p.expr(in).text
	switch {
	case descending && nullsLast:
		text += " DESC"
	case descending:
		text += " DESC NULLS FIRST"
	case nullsLast:
		text += " ASC NULLS LAST"
	default:
		text += " ASC"
	}
	return p.keepExpr(text, in)
}

// ExprSQL implements [abi.Host].
func (p *Plans) ExprSQL(text string) abi.Expr { return p.keepExpr("sql(" + text + ")") }

// ExprSubquery implements [abi.Host].
func (p *Plans) ExprSubquery(of abi.Frame, kind abi.SubqueryKind, values []abi.Expr) abi.Expr {
	f := p.frame(of)
	text := map[abi.SubqueryKind]string{abi.SubqueryScalar: "scalar", abi.SubqueryExists: "exists"}[kind] + "(" + f.line() + ")"
	if kind == abi.SubqueryIn {
		text = "(" + p.texts(values) + ") in " + text
	}
	e := p.keepExpr(text, values...)
	kept := &p.exprs[e-1]
	kept.caches = append(kept.caches, f.caches...)
	if kept.err == nil {
		kept.err = f.err
	}
	return e
}
