package spark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A CatalogCall is a method of PySpark's spark.catalog and its arguments. Each
// method takes some of the fields; see [Session.Catalog].
type CatalogCall struct {
	Call     string // the method's name in PySpark, such as listTables
	Name     string // of the catalog, database, table, view, function or path
	Database string
	Pattern  string

	Path, Source, Schema, Description string // of createTable; the schema is DDL
	Options                           map[string]string
	StorageLevel                      string // of cacheTable, by PySpark's name
	Properties                        map[string]string

	IfExists, IfNotExists, Purge, Cascade, NoScan, AsSerde bool
}

// given names the arguments that are set.
func (c CatalogCall) given() []string {
	var names []string
	for name, set := range map[string]bool{
		"name": c.Name != "", "database": c.Database != "", "pattern": c.Pattern != "", "path": c.Path != "",
		"source": c.Source != "", "schema": c.Schema != "", "description": c.Description != "", "options": len(c.Options) > 0,
		"storage_level": c.StorageLevel != "", "properties": len(c.Properties) > 0, "if_exists": c.IfExists,
		"if_not_exists": c.IfNotExists, "purge": c.Purge, "cascade": c.Cascade, "no_scan": c.NoScan, "as_serde": c.AsSerde,
	} {
		if set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check returns the method, or what is wrong with the call.
func (c CatalogCall) check() (catalogMethod, error) {
	m, ok := catalogMethods[c.Call]
	if !ok {
		return m, wrongArgument("catalog method %q is unknown; there are %s", c.Call, strings.Join(slices.Sorted(maps.Keys(catalogMethods)), ", "))
	}
	takes := strings.Fields(m.takes)
	for _, name := range c.given() {
		if !slices.Contains(takes, name) {
			return m, wrongArgument("catalog.%s takes no %s", c.Call, name)
		}
	}
	if c.Name == "" && slices.Contains(takes, "name") {
		return m, wrongArgument("catalog.%s: no name is given", c.Call)
	}
	return m, nil
}

// Catalog runs a method of the catalog and returns its answer as JSON: an array
// of objects where PySpark has a list, an object where it has one thing, a
// string or a boolean, or null. The objects' names are those of PySpark.
//
// A method that changes something runs once, as [Session.Write] does. What
// Sail has by another way is done in that way there.
func (s *Session) Catalog(ctx context.Context, c CatalogCall, opt Options) (json.RawMessage, error) {
	m, err := c.check()
	if err != nil {
		return nil, err
	}
	g, err := s.begin()
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, g); err != nil {
		return nil, err
	}
	if g.isSail() {
		if own := sailCatalog[c.Call]; own != nil {
			return own(ctx, s, c, opt)
		}
	}
	return s.askCatalog(ctx, m, c, opt)
}

func (s *Session) askCatalog(ctx context.Context, m catalogMethod, c CatalogCall, opt Options) (json.RawMessage, error) {
	if c.Call == "createTable" && c.Schema != "" || c.Call == "cacheTable" {
		return s.askWithMore(ctx, m, c, opt)
	}
	return s.catalogRows(ctx, m, m.build(c), opt)
}

// askWithMore is askCatalog for methods with arguments that are not texts.
func (s *Session) askWithMore(ctx context.Context, m catalogMethod, c CatalogCall, opt Options) (json.RawMessage, error) {
	message := m.build(c)
	switch t := message.CatType.(type) {
	case *sparkpb.Catalog_CreateTable:
		schema, err := s.parseDDL(ctx, c.Schema)
		if err != nil {
			return nil, err
		}
		t.CreateTable.Schema = schema
	case *sparkpb.Catalog_CacheTable:
		level, err := ParseStorageLevel(c.StorageLevel)
		if err != nil {
			return nil, err
		}
		t.CacheTable.StorageLevel = level.proto()
	}
	return s.catalogRows(ctx, m, message, opt)
}

// parseDDL has the engine read a schema.
func (s *Session) parseDDL(ctx context.Context, text string) (*sparkpb.DataType, error) {
	answer, err := s.analyze(ctx, nil, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_DdlParse{DdlParse: &sparkpb.AnalyzePlanRequest_DDLParse{DdlString: text}},
	})
	return answer.GetDdlParse().GetParsed(), err
}

// catalogLimit is how much JSON an answer of the catalog may have.
const catalogLimit = 32 << 20

func (s *Session) catalogRows(ctx context.Context, m catalogMethod, message *sparkpb.Catalog, opt Options) (json.RawMessage, error) {
	n := leaf("catalog", 0)
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Catalog{Catalog: message}}
	}
	plan, err := query(frame(n, nil, nil))
	if err != nil {
		return nil, err
	}
	x, err := s.execute(ctx, plan, opt, !m.changes)
	if err != nil {
		return nil, err
	}
	if m.answers == answersNothing {
		return json.RawMessage("null"), x.drain(func(*sparkpb.ExecutePlanResponse) {})
	}
	stream := &Stream{x: x}
	if err := stream.open(); err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := errors.Join(WriteJSON(&text, stream, RowArrays, catalogLimit), stream.Close()); err != nil {
		return nil, err
	}
	var rows [][]json.RawMessage
	if err := json.Unmarshal([]byte(text.String()), &rows); err != nil {
		return nil, fmt.Errorf("read the catalog's answer: %w", err)
	}
	return m.shape(rows)
}

// shape makes of rows what the method answers.
func (m catalogMethod) shape(rows [][]json.RawMessage) (json.RawMessage, error) {
	object := func(row []json.RawMessage) map[string]json.RawMessage {
		o := make(map[string]json.RawMessage, len(m.columns))
		for i, name := range m.columns {
			if i < len(row) {
				o[name] = row[i]
			}
		}
		return o
	}
	switch m.answers {
	case answersList:
		out := make([]map[string]json.RawMessage, len(rows))
		for i, row := range rows {
			out[i] = object(row)
		}
		return json.Marshal(out)
	case answersPairs:
		out := make(map[string]json.RawMessage, len(rows))
		for _, row := range rows {
			var key string
			if len(row) != 2 || json.Unmarshal(row[0], &key) != nil {
				return nil, errors.New("the catalog answered with other than names and values")
			}
			out[key] = row[1]
		}
		return json.Marshal(out)
	}
	if len(rows) != 1 || len(rows[0]) == 0 {
		return nil, fmt.Errorf("the catalog answered with %d rows", len(rows))
	}
	if m.answers == answersValue {
		return rows[0][0], nil
	}
	return json.Marshal(object(rows[0]))
}
