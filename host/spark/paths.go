package spark

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

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
	for _, source := range sources {
		for _, path := range source.GetPaths() {
			files, err := s.inputFiles(ctx, Read(source.GetFormat(), source.GetSchema(), source.GetOptions(), []string{path}))
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
		}
	}
	return nil
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
