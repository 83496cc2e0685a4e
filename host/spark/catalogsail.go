package spark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// sailCatalog are the methods that Sail has by another way only, or answers
// otherwise than Spark.
var sailCatalog map[string]func(context.Context, *Session, CatalogCall, Options) (json.RawMessage, error)

func init() {
	sailCatalog = map[string]func(context.Context, *Session, CatalogCall, Options) (json.RawMessage, error){
		"createDatabase":     sailDDL("CREATE DATABASE", "IF NOT EXISTS"),
		"dropDatabase":       sailDDL("DROP DATABASE", "IF EXISTS"),
		"dropTable":          sailDDL("DROP TABLE", "IF EXISTS"),
		"dropView":           sailDDL("DROP VIEW", "IF EXISTS"),
		"dropTempView":       sailDropView,
		"dropGlobalTempView": sailDropView,
		"createTable":        sailCreateTable,
		"functionExists":     sailFunctionExists,
		"getFunction":        sailGetFunction,
	}
}

// sailDDL runs a method as the SQL command that it stands for.
func sailDDL(verb, condition string) func(context.Context, *Session, CatalogCall, Options) (json.RawMessage, error) {
	return func(ctx context.Context, s *Session, c CatalogCall, opt Options) (json.RawMessage, error) {
		name, err := quoteName(c.Name)
		if err != nil {
			return nil, fmt.Errorf("catalog.%s: %w", c.Call, err)
		}
		words := []string{verb}
		if c.IfExists || c.IfNotExists {
			words = append(words, condition)
		}
		words = append(words, name)
		if c.Cascade {
			words = append(words, "CASCADE")
		}
		if c.Purge {
			words = append(words, "PURGE")
		}
		if len(c.Properties) > 0 {
			return nil, sailLacks("properties of databases in catalog.createDatabase", "leave them out, or "+otherEngine)
		}
		return json.RawMessage("null"), s.Exec(ctx, strings.Join(words, " "), opt)
	}
}

// quoteName quotes each part of a name such as db.table for SQL text. Parts may
// be in backticks already.
func quoteName(name string) (string, error) {
	var parts []string
	for rest := name; ; {
		var part string
		if strings.HasPrefix(rest, "`") {
			end := 1
			for end < len(rest) && (rest[end] != '`' || strings.HasPrefix(rest[end:], "``")) {
				if rest[end] == '`' {
					end++
				}
				end++
			}
			if end >= len(rest) {
				return "", wrongArgument("the name %q has a backtick without its other one", name)
			}
			part, rest = rest[:end+1], rest[end+1:]
		} else {
			end := strings.IndexAny(rest, ".`")
			if end < 0 {
				end = len(rest)
			}
			part, rest = "`"+rest[:end]+"`", rest[end:]
		}
		if part == "``" {
			return "", wrongArgument("the name %q has an empty part", name)
		}
		parts = append(parts, part)
		if rest == "" {
			return strings.Join(parts, "."), nil
		}
		if rest[0] != '.' {
			return "", wrongArgument("the name %q has other than a dot between its parts", name)
		}
		rest = rest[1:]
	}
}

// sailDropView answers as Spark does: whether there was a view to drop.
func sailDropView(ctx context.Context, s *Session, c CatalogCall, opt Options) (json.RawMessage, error) {
	name := c.Name
	if c.Call == "dropGlobalTempView" {
		name = "global_temp." + name
	}
	// Sail may drop a global one that is not there with success.
	_, err := s.schema(ctx, Table(name, nil))
	if e, ok := errors.AsType[*Error](err); ok && (strings.Contains(e.Message, "TABLE_OR_VIEW_NOT_FOUND") || strings.Contains(e.Message, "View not found")) {
		return json.RawMessage("false"), nil
	}
	if err != nil {
		return nil, err
	}
	return s.askCatalog(ctx, catalogMethods[c.Call], c, opt)
}

// sailCreateTable gives Sail the schema of what is at the path, which Spark
// looks up by itself.
func sailCreateTable(ctx context.Context, s *Session, c CatalogCall, opt Options) (json.RawMessage, error) {
	if c.Schema == "" && c.Path != "" {
		fields, err := s.Schema(ctx, Read(c.Source, "", c.Options, []string{c.Path}))
		if err != nil {
			return nil, err
		}
		c.Schema = schemaDDL(fields)
	}
	return s.askCatalog(ctx, catalogMethods[c.Call], c, opt)
}

// schemaDDL writes columns as a schema.
func schemaDDL(fields []Field) string {
	columns := make([]string, len(fields))
	for i, f := range fields {
		columns[i] = "`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + f.Type
		if !f.Nullable {
			columns[i] += " NOT NULL"
		}
	}
	return strings.Join(columns, ", ")
}

// sailFunction looks a function up in the list of all.
func sailFunction(ctx context.Context, s *Session, c CatalogCall, opt Options) (json.RawMessage, error) {
	answer, err := s.Catalog(ctx, CatalogCall{Call: "listFunctions", Database: c.Database, Pattern: c.Name}, opt)
	if err != nil {
		return nil, err
	}
	var functions []json.RawMessage
	if err := json.Unmarshal(answer, &functions); err != nil {
		return nil, fmt.Errorf("read the list of functions: %w", err)
	}
	for _, f := range functions {
		var named struct{ Name string }
		if err := json.Unmarshal(f, &named); err == nil && strings.EqualFold(named.Name, c.Name) {
			return f, nil
		}
	}
	return nil, nil
}

func sailFunctionExists(ctx context.Context, s *Session, c CatalogCall, opt Options) (json.RawMessage, error) {
	f, err := sailFunction(ctx, s, c, opt)
	if err != nil {
		return nil, err
	}
	return json.Marshal(f != nil)
}

func sailGetFunction(ctx context.Context, s *Session, c CatalogCall, opt Options) (json.RawMessage, error) {
	f, err := sailFunction(ctx, s, c, opt)
	if err == nil && f == nil {
		err = &Error{
			Class: "org.apache.spark.sql.AnalysisException", Condition: "UNRESOLVED_ROUTINE", SQLState: "42883",
			Message: fmt.Sprintf("[UNRESOLVED_ROUTINE] Cannot resolve routine `%s`. SQLSTATE: 42883", c.Name),
		}
	}
	return f, err
}
