package spark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// fileFormats are the sources whose paths are files or folders of files.
var fileFormats = map[string]bool{
	"": true, "text": true, "csv": true, "json": true, "parquet": true, "orc": true, "avro": true, "binaryfile": true,
}

// checkPaths refuses a plan that reads a path where nothing is. Spark does so
// by itself. Sail answers as if the path held an empty file, which nobody who
// mistyped it would notice: there, each path is asked for before the plan runs.
func (s *Session) checkPaths(ctx context.Context, df *DataFrame) error {
	sources := df.sources()
	if len(sources) == 0 {
		return nil
	}
	silent, err := s.silentOnPaths(ctx)
	if err != nil || !silent {
		return err
	}
	reads := eachPath(sources)
	errs := make([]error, len(reads))
	g := errgroup.Group{}
	g.SetLimit(pathsAtOnce)
	for i, read := range reads {
		g.Go(func() error {
			errs[i] = s.checkPath(ctx, read)
			return nil
		})
	}
	_ = g.Wait() // the first in the plan's order is told, not the first to be known
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// pathsAtOnce is how many paths the engine is asked for at a time.
const pathsAtOnce = 8

// checkPath refuses to read a single path where nothing is.
func (s *Session) checkPath(ctx context.Context, source *sparkpb.Read_DataSource) error {
	path := source.GetPaths()[0]
	files, err := s.inputFiles(ctx, Read(source.GetFormat(), source.GetSchema(), source.GetOptions(), source.GetPaths()))
	switch {
	case engineError(err).Class != "" && !errors.Is(err, ErrSessionLost):
		// The engine will say so again when it runs the plan.
	case err != nil:
		return err
	case len(files) == 0 && !isFolder(path):
		return &Error{
			Class: "org.apache.spark.sql.AnalysisException", Condition: "PATH_NOT_FOUND", SQLState: "42K03",
			Message: fmt.Sprintf("[PATH_NOT_FOUND] Path does not exist: %s. SQLSTATE: 42K03", path),
		}
	}
	return nil
}

// eachPath returns the sources with one path each. A file that is read in
// several places, as in a join with its own aggregate, is there once.
func eachPath(sources []*sparkpb.Read_DataSource) []*sparkpb.Read_DataSource {
	type key struct{ format, schema, path string }
	seen := make(map[key]bool)
	var reads []*sparkpb.Read_DataSource
	for _, source := range sources {
		for _, path := range source.GetPaths() {
			// Options may decide what is found (recursiveFileLookup): they keep
			// reads apart.
			k := key{source.GetFormat(), source.GetSchema(), path}
			if len(source.GetOptions()) == 0 {
				if seen[k] {
					continue
				}
				seen[k] = true
			}
			reads = append(reads, &sparkpb.Read_DataSource{
				Format: source.Format, Schema: source.Schema, Options: source.GetOptions(), Paths: []string{path},
			})
		}
	}
	return reads
}

// sources returns what a plan reads from files itself, not through what is
// cached.
func (df *DataFrame) sources() []*sparkpb.Read_DataSource {
	if df.Err() != nil {
		return nil
	}
	var sources []*sparkpb.Read_DataSource
	df.node.walk(make(map[*node]bool), func(n *node) {
		if n.op != "read" {
			return
		}
		source := n.build(nil, nil).GetRead().GetDataSource()
		if len(source.GetPaths()) > 0 && fileFormats[strings.ToLower(source.GetFormat())] {
			sources = append(sources, source)
		}
	})
	return sources
}

// silentOnPaths reports whether the engine accepts a path that cannot exist. It
// asks once in each generation of the session.
func (s *Session) silentOnPaths(ctx context.Context) (bool, error) {
	g, err := s.begin()
	if err != nil {
		return false, err
	}
	if known := g.silent.Load(); known != nil {
		return *known, nil
	}
	_, err = s.schema(ctx, Read("text", "", nil, []string{"/nonexistent/" + uuid.NewString()}))
	silent := err == nil
	if !silent && (engineError(err).Class == "" || errors.Is(err, ErrSessionLost)) {
		return false, err
	}
	g.silent.Store(&silent)
	return silent, nil
}

// inputFiles returns the files that df reads.
func (s *Session) inputFiles(ctx context.Context, df *DataFrame) ([]string, error) {
	plan, err := query(df)
	if err != nil {
		return nil, err
	}
	answer, err := s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_InputFiles_{InputFiles: &sparkpb.AnalyzePlanRequest_InputFiles{Plan: plan}},
	})
	return answer.GetInputFiles().GetFiles(), err
}

// isFolder reports whether path is a folder of this machine: an empty one is
// no mistake. An engine elsewhere is believed when it finds nothing.
func isFolder(path string) bool {
	path = strings.TrimPrefix(path, "file://")
	if !filepath.IsAbs(path) {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
