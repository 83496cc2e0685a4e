package hostfn

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// may notes an error unless the module has a right.
func (b *builder) may(right policy.Right, what string) {
	if b.i.task.Rights != nil {
		b.denied(b.i.task.Rights.Check(right, what))
	}
}

// hasRights notes an error unless it is known what the module may do, for rights
// that nobody has by default.
func (b *builder) hasRights(right policy.Right) {
	if b.i.task.Rights == nil {
		b.invalid(typePermission, "nothing here grants the right to %s", right)
	}
}

func (b *builder) mayPath(right policy.Right, path string) {
	if b.i.task.Rights != nil {
		b.denied(b.i.task.Rights.CheckPath(right, path))
	}
}

// mayTable notes an error unless the module has a right to a table by its name,
// which may be one of a file: parquet.`/data/x`.
func (b *builder) mayTable(right policy.Right, name string) {
	if b.i.task.Rights == nil {
		return
	}
	if format, rest, ok := strings.Cut(name, "."); ok && (strings.ContainsAny(rest, "/:") || isFormat(format)) {
		path := policy.Read
		if right == policy.WriteTable {
			path = policy.Write
		}
		b.mayPath(path, strings.Trim(rest, "`"))
		return
	}
	b.denied(b.i.task.Rights.CheckTable(right, name))
}

// isFormat reports whether a name before a table's makes that one the name of a file.
func isFormat(name string) bool {
	return slices.Contains([]string{"parquet", "csv", "json", "text", "orc", "avro", "xml", "binaryfile", "delta", "iceberg", "hudi"},
		strings.ToLower(strings.Trim(name, "`")))
}

func (b *builder) denied(err error) {
	if err != nil {
		b.invalid(typePermission, "%v", err)
	}
}

// pathOptions are options of readers and writers that name what is read or
// written, beside the paths.
var pathOptions = []string{"path", "paths", "location", "url", "avroschemaurl", "rowvalidationxsdpath", "keytab", "basepath"}

// maySource notes an error unless the module may read or write the paths of a
// source, those among its options included.
func (b *builder) maySource(right policy.Right, format string, options map[string]string, paths []string) {
	if b.i.task.Rights == nil || b.err != nil {
		return
	}
	paths = slices.Clone(paths)
	for key, value := range options {
		key = strings.ToLower(key)
		if !slices.Contains(pathOptions, key) {
			continue
		}
		var list []string
		if key == "paths" && json.Unmarshal([]byte(value), &list) == nil {
			paths = append(paths, list...)
			continue
		}
		paths = append(paths, value)
	}
	if len(paths) == 0 { // a source that is no files: a queue, a service
		paths = []string{strings.ToLower(format) + ":"}
	}
	for _, path := range paths {
		b.mayPath(right, path)
	}
}

// queries are words with which an expression may read what it names, or run code
// on the engine. They are looked for in the text as it is: what a reader of
// Spark's SQL would take for a string, another may not.
var (
	queries = regexp.MustCompile(`\b(SELECT|FROM|TABLE)\b`)
	codes   = regexp.MustCompile(`\b(TRY_REFLECT|REFLECT|JAVA_METHOD)\b`)
	// openers are functions that open a file if one of their options, or a
	// descriptor's path, says so.
	openers = regexp.MustCompile(`\b(FROM_XML|SCHEMA_OF_XML|FROM_AVRO|TO_AVRO|SCHEMA_OF_AVRO|FROM_PROTOBUF|TO_PROTOBUF)\b`)
)

// anyArguments stands for a call in SQL text, whose arguments are not counted.
const anyArguments = -1

// mayExpression notes an error if an expression in SQL text is more than that.
func (b *builder) mayExpression(text string) {
	if b.i.task.Rights == nil {
		return
	}
	text = strings.ToUpper(text)
	if queries.MatchString(text) {
		b.may(policy.SQL, "")
	}
	b.mayFunction(text, anyArguments)
}

// mayFunction notes an error if a call of a function runs code on the engine, or
// may have it open a file: the options that name one may be any expression, so
// that a call with options takes the right to SQL text, which may read as well.
func (b *builder) mayFunction(name string, arguments int) {
	if b.i.task.Rights == nil {
		return
	}
	name = strings.ToUpper(name)
	if codes.MatchString(name) {
		b.needs(abi.CapabilityRawPlans)
	}
	if opener := openers.FindString(name); opener != "" {
		without := 2 // the value, and its schema or the message's name
		if strings.HasPrefix(opener, "SCHEMA_OF_") {
			without = 1
		}
		if arguments == anyArguments || arguments > without {
			b.may(policy.SQL, "")
		}
	}
}

// mayCatalog notes an error unless the module may make a call of the catalog:
// those that only look need a right to the table that they name, or to any, the
// others one to change it.
func (b *builder) mayCatalog(c abi.CatalogCall) {
	if b.i.task.Rights == nil {
		return
	}
	if _, own := b.i.views[strings.ToLower(c.Name)]; own && c.Database == "" {
		return
	}
	name := c.Name
	if c.Database != "" {
		name = c.Database + "." + c.Name
	}
	switch {
	case strings.HasPrefix(c.Call, "current"):
	case strings.HasPrefix(c.Call, "list"), strings.HasPrefix(c.Call, "get"), strings.HasSuffix(c.Call, "Exists"), c.Call == "isCached":
		b.mayTable(policy.ReadTable, name)
	default:
		b.mayTable(policy.WriteTable, name)
		if c.Path != "" || hasPath(c.Options) {
			b.maySource(policy.Write, c.Source, c.Options, pathsOf(c.Path))
		}
		for key, value := range c.Properties {
			if slices.Contains(pathOptions, strings.ToLower(key)) {
				b.mayPath(policy.Write, value)
			}
		}
	}
}

func hasPath(options map[string]string) bool {
	for key := range options {
		if slices.Contains(pathOptions, strings.ToLower(key)) {
			return true
		}
	}
	return false
}

// maySendAll notes an error unless the module may send each task that a
// signature names, wherever in it. Celery's own, which only put others together,
// need no right.
func (b *builder) maySendAll(signature []byte) {
	if b.i.task.Rights == nil {
		return
	}
	var value any
	if json.Unmarshal(signature, &value) != nil {
		return // which the caller has looked at
	}
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if task, ok := v["task"].(string); ok && !strings.HasPrefix(task, "celery.") {
				b.may(policy.Send, task)
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(value)
}
