package spark

import (
	"encoding/json"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

// GetItem is an element: of an array by an int, counted from 0, of a map by its
// key, or of a struct by a field's name. A position or key that is not there is
// an error on an array and NULL on a map; F.Get is NULL for both.
func (c Column) GetItem(key any) Column {
	return Column{&node{kind: kindExtract, args: []Column{c, Lit(key)}}}
}

// GetField is a field of a struct.
func (c Column) GetField(name string) Column { return c.GetItem(name) }

// WithField is a struct with a field added or replaced; "a.b" is field b of the
// field a.
func (c Column) WithField(name string, value Column) Column {
	return Column{&node{kind: kindWithField, text: name, args: []Column{c, value}}}
}

// DropFields is a struct without some of its fields; "a.b" is field b of the
// field a.
func (c Column) DropFields(names ...string) Column {
	if len(names) == 0 {
		return Invalid(abi.Errorf("ValueError", "DropFields of %s without a name", c))
	}
	return Column{&node{kind: kindDropFields, names: slices.Clone(names), args: []Column{c}}}
}

// Transform is f of the column, so that a chain of methods need not be broken.
func (c Column) Transform(f func(Column) Column) Column { return f(c) }

// AliasMetadata names the column and puts metadata, which is encoded as a JSON
// object, into the schema with it.
func (c Column) AliasMetadata(name string, metadata map[string]any) Column {
	data, err := json.Marshal(metadata)
	if err != nil {
		return Invalid(wrongType("the metadata of %s cannot be encoded as JSON: %v", name, err))
	}
	if metadata == nil {
		data = []byte("{}")
	}
	return Column{&node{kind: kindAliasMetadata, text: name, value: data, args: []Column{c}}}
}

// NamedArg is an argument by its name, for [Call] and [CallFunction].
func NamedArg(name string, value any) Column {
	return Column{&node{kind: kindNamedArgument, text: name, args: []Column{Lit(value)}}}
}

// CallFunction is a function of the catalog by its name, which may have several
// parts, such as "db.f": one of Spark's own or one that was created or registered.
func CallFunction(name string, args ...Column) Column {
	return Column{&node{kind: kindCallFunction, text: name, args: args}}
}

// CallUDF calls one of the module's own functions for Spark's expressions: see
// sdk.UDF, whose Function.Call is more convenient.
func CallUDF(name string, args ...Column) Column {
	return Column{&node{kind: kindUDF, text: name, args: args}}
}

// ColRegex is all columns whose names match a regular expression, which stands
// in backticks: "`a.*`".
func (df *DataFrame) ColRegex(pattern string) Column {
	return df.own(&node{kind: kindRegex, text: pattern})
}

// MetadataColumn is a column that a data source has beside those of its schema,
// such as _metadata of files.
func (df *DataFrame) MetadataColumn(name string) Column {
	return df.own(&node{kind: kindMetadataColumn, text: name})
}

// own makes a column of this very DataFrame.
func (df *DataFrame) own(n *node) Column {
	if err := df.check(); err != nil {
		return Invalid(err)
	}
	n.frame = df
	return Column{n}
}

// ShufflePartition is the number of the partition that a row goes to, for a
// repartitioning by it alone.
func ShufflePartition(c Column) Column {
	return Column{&node{kind: kindShufflePartition, args: []Column{c}}}
}
