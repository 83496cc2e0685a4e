package spark_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// A registrar is a server that notes which functions it is told to register and
// to drop.
type registrar struct {
	*sparktest.Server
	mu    sync.Mutex
	notes []string
	// dropping is called while a function is dropped.
	dropping func()
}

func startRegistrar(t *testing.T, refuse func(name string) error) *registrar {
	r := &registrar{}
	r.Server = sparktest.StartWith(t, sparktest.Manners{Refuse: refuse}, r.answer)
	return r
}

func (r *registrar) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, text)
}

func (r *registrar) noted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

func (r *registrar) answer(o *sparktest.Operation) error {
	plan := o.Request.GetPlan()
	f := plan.GetCommand().GetRegisterFunction()
	switch {
	case strings.HasSuffix(f.GetJavaUdf().GetClassName(), ".NoSuchClass"):
		return sparktest.ErrorWith("[CANNOT_LOAD_FUNCTION_CLASS]", map[string]string{
			"errorClass": "CANNOT_LOAD_FUNCTION_CLASS", "messageParameters": `{"className":"` + f.GetJavaUdf().GetClassName() + `"}`,
		}, "org.apache.spark.sql.AnalysisException")
	case f != nil:
		r.note("register " + f.GetFunctionName())
	case strings.Contains(plan.String(), "DROP TEMPORARY"):
		if r.dropping != nil {
			r.dropping()
		}
		r.note("drop")
	case strings.Contains(plan.String(), "version()"):
		o.Texts("4.3.0 of a test")
	case plan.GetRoot().GetCatalog() != nil:
		o.Texts("spark_catalog")
	default:
		o.Rows(1)
	}
	return nil
}

var tripling = &spark.Function{
	Name: "triple_1", Class: "io.sparkstalk.udf.Triple", Returns: "bigint",
	Jars: []spark.Jar{{Name: "triple.jar", Data: func() ([]byte, error) { return []byte("a jar"), nil }}},
}

func tripled() *spark.DataFrame {
	return spark.Range(0, 1, 1, 1).Select(tripling.Call([]*spark.Column{spark.Col("id")}))
}

func TestAFunctionThatIsUsedAgainIsNotForgotten(t *testing.T) {
	r := startRegistrar(t, nil)
	s := connect(t, r.Server)
	use := func() {
		t.Helper()
		if _, err := s.Count(t.Context(), tripled(), spark.Options{}); err != nil {
			t.Error(err)
		}
	}
	use()
	if err := s.Forget(t.Context(), []*spark.Function{tripling}, func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	use()
	if want := []string{"register triple_1"}; !slices.Equal(r.noted(), want) {
		t.Errorf("a function that is in use: %v, want %v", r.noted(), want)
	}

	// One that a plan needs while it is dropped is registered afterwards.
	begun := make(chan struct{})
	r.dropping = func() {
		close(begun)
		for range 20 { // time for a registration that does not wait
			if len(r.noted()) > 1 {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	var user sync.WaitGroup
	user.Go(func() { <-begun; use() })
	if err := s.Forget(t.Context(), []*spark.Function{tripling}, func() bool { return true }); err != nil {
		t.Fatal(err)
	}
	user.Wait()
	if want := []string{"register triple_1", "drop", "register triple_1"}; !slices.Equal(r.noted(), want) {
		t.Errorf("a function that is used as it is dropped: %v, want %v", r.noted(), want)
	}
}

func TestFunctionsOfASharedSessionAreLeftToOthers(t *testing.T) {
	r := startRegistrar(t, nil)
	s := openWith(t, spark.Config{Remote: r.Remote() + "/;session_id=" + uuid.NewString()})
	if _, err := s.Count(t.Context(), tripled(), spark.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(t.Context(), []*spark.Function{tripling}, func() bool { return true }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"register triple_1"}; !slices.Equal(r.noted(), want) {
		t.Errorf("%v, want %v", r.noted(), want)
	}
}

// TestRefusedArtifactsNameTheEngineAndTheWayOut has a server that no real one can
// be made: one that takes no artifacts, or all but jars.
func TestRefusedArtifactsNameTheEngineAndTheWayOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   codes.Code
		prefix string
	}{
		{"all, to this user", codes.PermissionDenied, ""},
		{"all, to a stranger", codes.Unauthenticated, ""},
		{"all, to anyone", codes.Unimplemented, ""},
		{"jars, to this user", codes.PermissionDenied, "jars/"},
		{"jars, to a stranger", codes.Unauthenticated, "jars/"},
		{"jars, to anyone", codes.FailedPrecondition, "jars/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startRegistrar(t, func(name string) error {
				if strings.HasPrefix(name, c.prefix) {
					return status.Error(c.code, "nothing is taken here")
				}
				return nil
			})
			s := connect(t, r.Server)
			_, err := s.Count(t.Context(), tripled(), spark.Options{})
			lacks, ok := errors.AsType[*spark.LacksError](err)
			if !ok || lacks.Feature != spark.FeatureArtifacts {
				t.Fatalf("the error is %v", err)
			}
			words := []string{"Spark 4.3.0", "Spark's own functions", "--spark="}
			if c.prefix != "" {
				words = append(words, "triple_1", "triple.jar")
			}
			if c.prefix != "" || c.code != codes.Unimplemented {
				words = append(words, "have it allow", "nothing is taken here")
			}
			for _, word := range words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error lacks %q: %v", word, err)
				}
			}
			// All else works.
			if n, err := s.Count(t.Context(), spark.Range(0, 1, 1, 1), spark.Options{}); n != 1 || err != nil {
				t.Errorf("a plan without functions gives %d, %v", n, err)
			}
		})
	}
}
