package spark

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Feature is something that not every engine has. What every engine has is
// not listed.
type Feature string

// The features that are known. Each is found out by a request that uses it.
const (
	FeatureCheckpoint    Feature = "checkpoint"     // rows kept in the engine, Session.Checkpoint
	FeaturePersist       Feature = "persist"        // DataFrame.persist that does keep rows
	FeatureCacheTable    Feature = "cache_table"    // CACHE TABLE, catalog.cacheTable
	FeatureGlobalViews   Feature = "global_views"   // global temporary views of checkpoints, which other sessions read
	FeatureProgress      Feature = "progress"       // reports on a running execution
	FeatureInterrupt     Feature = "interrupt"      // stopping an execution
	FeatureStatus        Feature = "status"         // asking for the state of executions
	FeatureErrorDetails  Feature = "error_details"  // whole messages and stack traces of failures
	FeatureCloneSession  Feature = "clone_session"  // sessions that begin as a copy of another
	FeatureArtifacts     Feature = "artifacts"      // files, jars and classes sent by the client
	FeatureJavaFunctions Feature = "java_functions" // functions whose Java class the client sends
	FeatureObserve       Feature = "observe"        // DataFrame.observe
	FeatureQuantiles     Feature = "quantiles"      // stat.approxQuantile
	FeatureFreqItems     Feature = "freq_items"     // stat.freqItems
	FeatureSemanticHash  Feature = "semantic_hash"  // DataFrame.semanticHash and sameSemantics
	FeatureORC           Feature = "orc"            // the file format

	FeatureAsOfJoin       Feature = "as_of_join"          // DataFrame.joinAsOf
	FeatureNearestJoin    Feature = "nearest_by_join"     // DataFrame.nearestByJoin
	FeatureTableFunctions Feature = "table_functions"     // spark.tvf
	FeatureWatermark      Feature = "watermark"           // DataFrame.withWatermark
	FeatureRepartitionID  Feature = "repartition_by_id"   // DataFrame.repartitionById
	FeatureTranspose      Feature = "transpose"           // DataFrame.transpose
	FeatureParse          Feature = "parse"               // csv and json texts in a DataFrame
	FeatureToSchema       Feature = "to_schema"           // DataFrame.to
	FeatureRowIndex       Feature = "zip_with_index"      // DataFrame.zipWithIndex
	FeatureZip            Feature = "zip"                 // DataFrame.zip
	FeatureNamedArguments Feature = "named_arguments"     // arguments of functions by their names
	FeatureMaxBySeveral   Feature = "max_by_several"      // max_by and min_by of several rows
	FeatureDistinctCounts Feature = "summary_of_distinct" // count_distinct and approx_count_distinct in DataFrame.summary
)

// Capabilities are what an engine is and has, as it has shown itself.
type Capabilities struct {
	// Engine is Sail or Spark.
	Engine string `json:"engine"`
	// Version is the engine's own; empty if it does not tell.
	Version string `json:"version"`
	// Has and Lacks are the features, sorted.
	Has   []Feature `json:"has"`
	Lacks []Feature `json:"lacks"`
	// Catalogs are the names of the catalogs that are loaded, sorted.
	Catalogs []string `json:"catalogs"`
}

// A LacksError says that the engine does not have a feature, and the way out.
type LacksError struct {
	Engine  string // with its version
	Feature Feature
	Way     string
	// Refusal is what the engine, or what stands before it, says of a feature that
	// it may have and does not let this client use. Else it is nil.
	Refusal error
}

// Unwrap is the refusal.
func (e *LacksError) Unwrap() error { return e.Refusal }

// Error names the engine, the feature and the way out.
func (e *LacksError) Error() string {
	if e.Refusal != nil {
		return fmt.Sprintf("%s refuses %s: have it allow them, or %s (it says: %v)", e.Engine, e.Feature, e.Way, e.Refusal)
	}
	return fmt.Sprintf("%s does not have %s: %s", e.Engine, e.Feature, e.Way)
}

// otherEngine is the way out where there is no other one.
const otherEngine = "run on Apache Spark instead (--spark='local[*]' or sc://host:port)"

// ways are the ways out by feature, in front of otherEngine.
var ways = map[Feature]string{
	FeatureCheckpoint:    "set the engine's checkpoint folder, or do without cached DataFrames",
	FeaturePersist:       "it answers as if it did and keeps nothing. Use a checkpoint, which is how DataFrames are cached by default",
	FeatureCacheTable:    "cache the DataFrame in the task's module, or write it to a table",
	FeatureGlobalViews:   "use a temporary view or a cached DataFrame, which all tasks of one host share",
	FeatureProgress:      "report the task's own states",
	FeatureErrorDetails:  "read the engine's log",
	FeatureArtifacts:     "put files where the engine can read them and build expressions from Spark's own functions",
	FeatureJavaFunctions: "build the expression from Spark's own functions",
	FeatureObserve:       "aggregate in a plan of its own",
	FeatureQuantiles:     "use the functions percentile or percentile_approx",
	FeatureFreqItems:     "group by the column and count",
	FeatureORC:           "use parquet",

	FeatureAsOfJoin:       "join on a range of the column and keep the nearest row with a window",
	FeatureNearestJoin:    "cross join and keep the nearest rows with a window",
	FeatureTableFunctions: "select the function from a DataFrame, or call it in SQL text",
	FeatureWatermark:      "leave it out, for it changes nothing outside of streams",
	FeatureRepartitionID:  "repartition by the hash or the range of a column",
	FeatureTranspose:      "unpivot and pivot",
	FeatureParse:          "use the functions from_json and from_csv with a schema",
	FeatureToSchema:       "select the columns and cast them",
	FeatureRowIndex:       "number the rows with row_number over a window, or with monotonically_increasing_id",
	FeatureZip:            "select the columns of both from the one frame, or join on a key",
	FeatureDistinctCounts: "aggregate with count_distinct",
	FeatureNamedArguments: "it takes them by their place, whatever they are called. Give arguments in order",
	FeatureMaxBySeveral:   "it gives one value, whatever the number. Keep the first rows by row_number over a window",
}

// knowledge is what has been found out about an engine, within a generation.
type knowledge struct {
	gate     chan struct{} // held while the engine is asked
	engine   string
	version  string
	has      map[Feature]bool
	catalogs []string
}

func newKnowledge() knowledge {
	return knowledge{gate: make(chan struct{}, 1), has: make(map[Feature]bool)}
}

// Lacks returns nil if the engine has the feature, a [*LacksError] if it does
// not, and another error if that could not be found out now. It asks the engine
// once in each generation of the session, and each feature when it is first
// asked for.
func (s *Session) Lacks(ctx context.Context, feature Feature) error {
	var lacks error
	err := s.learn(ctx, []Feature{feature}, func(k *knowledge) {
		if !k.has[feature] {
			lacks = k.lacks(feature)
		}
	})
	return errors.Join(lacks, err)
}

func (k *knowledge) lacks(feature Feature) *LacksError {
	way := otherEngine
	if own := ways[feature]; own != "" {
		way = own + ", or " + otherEngine
	}
	return &LacksError{Engine: strings.TrimSpace(k.engine + " " + k.version), Feature: feature, Way: way}
}

// explain makes a [*LacksError] of what the engine says to the use of a feature;
// other errors it returns as they are.
func (s *Session) explain(ctx context.Context, feature Feature, refusal error) error {
	if !saysNo(refusal) {
		return refusal
	}
	out := refusal
	if err := s.learn(ctx, nil, func(k *knowledge) {
		lacks := k.lacks(feature)
		lacks.Refusal = refusal
		out = lacks
	}); err != nil {
		return refusal // which says more than that its engine has no name
	}
	return out
}

// Capabilities asks for all features.
func (s *Session) Capabilities(ctx context.Context) (Capabilities, error) {
	var out Capabilities
	err := s.learn(ctx, slices.Sorted(maps.Keys(probes)), func(k *knowledge) {
		out = Capabilities{Engine: k.engine, Version: k.version, Has: []Feature{}, Lacks: []Feature{}, Catalogs: slices.Clone(k.catalogs)}
		for _, feature := range slices.Sorted(maps.Keys(k.has)) {
			if k.has[feature] {
				out.Has = append(out.Has, feature)
			} else {
				out.Lacks = append(out.Lacks, feature)
			}
		}
	})
	return out, err
}

// learn finds out what is not known yet and then has read look at what is.
func (s *Session) learn(ctx context.Context, features []Feature, read func(*knowledge)) error {
	g, err := s.begin()
	if err != nil {
		return err
	}
	select {
	case g.knowledge.gate <- struct{}{}:
		defer func() { <-g.knowledge.gate }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	k := &g.knowledge
	unknown := slices.DeleteFunc(slices.Clone(features), func(f Feature) bool { _, known := k.has[f]; return known })
	if k.engine == "" || len(unknown) > 0 {
		if err := s.ask(ctx, k, unknown); err != nil {
			return fmt.Errorf("ask the engine what it has: %w", err)
		}
	}
	read(k)
	return nil
}

// ask probes the engine in a session of its own, so that nothing of it is left
// in the one that tasks share.
func (s *Session) ask(ctx context.Context, k *knowledge, features []Feature) error {
	scratch := s.scratch()
	defer scratch.leave(ctx)
	if k.engine == "" {
		if err := scratch.identify(ctx, k); err != nil {
			return err
		}
	}
	for _, feature := range features {
		probe := probes[feature]
		if probe == nil {
			return fmt.Errorf("feature %q is not known", feature)
		}
		has, err := probe(ctx, scratch, s)
		if (feature == FeatureArtifacts || feature == FeatureJavaFunctions) && saysDenied(err) {
			// Who may do so can change while the session lives: it is asked again.
			lacks := k.lacks(feature)
			lacks.Refusal = err
			return lacks
		}
		if err != nil && !saysUnsupported(err) {
			return fmt.Errorf("%s: %w", feature, err)
		}
		k.has[feature] = has && err == nil
	}
	return nil
}

// scratch returns another session over the same connection. It ends with leave.
func (s *Session) scratch() *Session {
	return &Session{
		cfg: s.cfg, conn: s.conn, client: s.client, user: s.user, agent: s.agent, lines: s.lines,
		cur: newGeneration(1, uuid.NewString()),
	}
}

// leave ends a session and keeps the connection.
func (s *Session) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTimeout)
	defer cancel()
	s.releases.close(ctx)
	s.releaseSession(ctx, s.current())
}

// identify finds out which engine it is. Sail calls a session as its client
// does, where Spark has names of its own; and it knows no version of Spark.
func (s *Session) identify(ctx context.Context, k *knowledge) error {
	version, err := s.text(ctx, SQL("SELECT version()", nil, nil))
	if err != nil {
		return err
	}
	k.version, _, _ = strings.Cut(version, " ") // Spark adds a commit
	k.engine = "Spark"
	if s.isSail() {
		k.engine = "Sail"
	}
	names, err := s.texts(ctx, &sparkpb.Catalog{CatType: &sparkpb.Catalog_ListCatalogs{ListCatalogs: &sparkpb.ListCatalogs{}}})
	if err != nil && !saysUnsupported(err) {
		return err
	}
	slices.Sort(names)
	k.catalogs = names
	return nil
}

// isSail reports whether the engine is Sail, for a session that is open.
func (s *Session) isSail() bool { return s.current().isSail() }

func (g *generation) isSail() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.server == g.id
}

// saysNo reports whether the engine, rather than the way to it, said no.
func saysNo(err error) bool {
	if errors.Is(err, ErrSessionLost) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInterrupted) || errors.Is(err, ErrClosed) {
		return false
	}
	_, ok := errors.AsType[*Error](err)
	return ok
}

// saysUnsupported reports whether the engine said no to what was asked, and
// saysDenied to who asked.
func saysUnsupported(err error) bool { return saysNo(err) && !saysDenied(err) }

func saysDenied(err error) bool {
	code := engineError(err).Code
	return saysNo(err) && (code == "Unauthenticated" || code == "PermissionDenied")
}

// text returns the first column of a plan's only row.
func (s *Session) text(ctx context.Context, df *DataFrame) (string, error) {
	texts, err := s.firstColumn(ctx, df)
	if err != nil {
		return "", err
	}
	if len(texts) != 1 {
		return "", fmt.Errorf("the engine answered with %d rows", len(texts))
	}
	return texts[0], nil
}

// texts returns the first column of what the catalog answers.
func (s *Session) texts(ctx context.Context, catalog *sparkpb.Catalog) ([]string, error) {
	return s.firstColumn(ctx, probeFrame(&sparkpb.Relation{RelType: &sparkpb.Relation_Catalog{Catalog: catalog}}))
}

func (s *Session) firstColumn(ctx context.Context, df *DataFrame) ([]string, error) {
	stream, err := s.Collect(ctx, df, Options{})
	if err != nil {
		return nil, err
	}
	var out []string
	for stream.Next() {
		column := stream.Record().Column(0)
		texts, ok := column.(array.StringLike)
		if !ok {
			return nil, errors.Join(fmt.Errorf("the engine answered with a %s", column.DataType()), stream.Close())
		}
		for i := range texts.Len() {
			out = append(out, texts.Value(i))
		}
	}
	return out, stream.Err()
}
