package spark

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// handlePrefix begins the names of session views that hold on to rows which
// another session has published.
const handlePrefix = "sparkstalk_kept_"

// HandleName returns a name for a view of this session that holds on to rows:
// when it is missing, so are they ([ErrRelationGone]). id is made of letters,
// digits and underscores.
func HandleName(id string) string { return handlePrefix + id }

// DefineView gives df a name, replacing what had it: one of this session's own,
// or a global one that all sessions of the engine read as global_temp.name. It
// returns the generation in which it did so. name is made of letters, digits and
// underscores.
//
// The engine analyzes df now. What df reads stays in the engine for as long as
// the view, also the rows of a checkpoint that is released.
func (s *Session) DefineView(ctx context.Context, df *DataFrame, name string, global bool) (generation uint64, err error) {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return 0, err
	}
	x, err := s.execute(ctx, command(viewCommand(plan.GetRoot(), name, global, true)), Options{}, df.repeatable())
	if err != nil {
		return 0, err
	}
	if err := x.drain(func(*sparkpb.ExecutePlanResponse) {}); err != nil {
		return 0, fmt.Errorf("define view %s: %w", name, err)
	}
	return x.gen.number, nil
}

// viewCommand makes a view of input.
func viewCommand(input *sparkpb.Relation, name string, global, replace bool) *sparkpb.Command {
	return &sparkpb.Command{CommandType: &sparkpb.Command_CreateDataframeView{
		CreateDataframeView: &sparkpb.CreateDataFrameViewCommand{Input: input, Name: name, IsGlobal: global, Replace: replace},
	}}
}

// DropView drops a view of [Session.DefineView]. One that is not there is no
// error.
func (s *Session) DropView(ctx context.Context, name string, global bool) error {
	if global {
		name = "global_temp." + name
	}
	return s.Exec(ctx, "DROP VIEW IF EXISTS "+name, Options{})
}

// GlobalViews returns the names of the global temporary views that begin with
// prefix, which is made of letters, digits and underscores.
func (s *Session) GlobalViews(ctx context.Context, prefix string) ([]string, error) {
	views, err := s.views(ctx, SQL("SHOW VIEWS IN global_temp LIKE '"+prefix+"*'", nil, nil))
	var names []string
	for _, v := range views {
		// Spark lists the session's own beside them, for which it has no namespace.
		if v.Namespace == "global_temp" {
			names = append(names, v.Name)
		}
	}
	return names, err
}

// view is a row of SHOW VIEWS.
type view struct {
	Namespace namespace `json:"namespace"`
	Name      string    `json:"viewName"`
	Temporary bool      `json:"isTemporary"`
}

// namespace is a text on Spark, and a list of its parts on Sail.
type namespace string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *namespace) UnmarshalJSON(data []byte) error {
	var parts []string
	if json.Unmarshal(data, &parts) == nil {
		*n = namespace(strings.Join(parts, "."))
		return nil
	}
	return json.Unmarshal(data, (*string)(n))
}

func (s *Session) views(ctx context.Context, df *DataFrame) ([]view, error) {
	stream, err := s.Collect(ctx, df, Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // WriteJSON reads to the end or fails
	var rows strings.Builder
	if err := WriteJSON(&rows, stream, RowObjects, MaxMessage); err != nil {
		return nil, err
	}
	var views []view
	if err := json.Unmarshal([]byte(rows.String()), &views); err != nil {
		return nil, fmt.Errorf("show views: %w", err)
	}
	return views, nil
}

// Texts runs df and returns its first column, which is text.
func (s *Session) Texts(ctx context.Context, df *DataFrame) ([]string, error) {
	return s.firstColumn(ctx, df)
}

// Scope returns a digest of what a plan's meaning may depend on besides the plan
// and the data: the session's settings and its current catalog and database. In
// sessions with the same scope, a plan has the same meaning. Views and functions
// of the session's own can mean anything: with them there is no scope, and the
// result is empty.
func (s *Session) Scope(ctx context.Context) (string, error) {
	var settings json.RawMessage
	var current, functions []string
	var views []view
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { settings, err = s.Conf(ctx, ConfCall{Call: "getAll"}); return err })
	g.Go(func() (err error) {
		current, err = s.Texts(ctx, SQL("SELECT concat(current_catalog(), '.', current_database())", nil, nil))
		return err
	})
	g.Go(func() (err error) {
		functions, err = s.Texts(ctx, SQL("SHOW USER FUNCTIONS", nil, nil))
		return err
	})
	g.Go(func() (err error) { views, err = s.views(ctx, SQL("SHOW VIEWS", nil, nil)); return err })
	if err := g.Wait(); err != nil {
		return "", fmt.Errorf("what the session's plans depend on: %w", err)
	}
	own := slices.ContainsFunc(views, func(v view) bool {
		return v.Temporary && v.Namespace == "" && !strings.HasPrefix(v.Name, handlePrefix)
	})
	// Functions of the catalog have qualified names; those of modules have the
	// hash of what they do in theirs.
	defined := &s.current().definitions
	own = own || slices.ContainsFunc(functions, func(name string) bool { return !strings.Contains(name, ".") && !defined.has(name) })
	if own {
		return "", nil
	}
	sum := sha256.Sum256(slices.Concat(settings, []byte{0}, []byte(strings.Join(current, ""))))
	return hex.EncodeToString(sum[:]), nil
}
