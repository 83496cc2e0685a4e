package spark

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestExceptionsArePySparks(t *testing.T) {
	for _, c := range []struct {
		e            Error
		module, name string
	}{
		{Error{Class: "org.apache.spark.sql.AnalysisException"}, "pyspark.errors", "AnalysisException"},
		{Error{
			Class:   "org.apache.spark.sql.catalyst.ExtendedAnalysisException",
			Classes: []string{"org.apache.spark.sql.catalyst.ExtendedAnalysisException", "org.apache.spark.sql.AnalysisException", "java.lang.Exception"},
		}, "pyspark.errors", "AnalysisException"},
		{Error{Classes: []string{"org.apache.spark.SparkNumberFormatException", "java.lang.NumberFormatException", "java.lang.IllegalArgumentException"}}, "pyspark.errors", "NumberFormatException"},
		{Error{Classes: []string{"org.apache.spark.SparkException", "org.apache.spark.api.python.PythonException"}}, "pyspark.errors", "PythonException"},
		{Error{Classes: []string{"org.apache.spark.SparkException"}}, "pyspark.errors.exceptions.connect", "SparkException"},
		{Error{Classes: []string{"org.apache.spark.SparkException"}, Message: "net.razorvine.pickle.PickleException: x"}, "pyspark.errors", "PickleException"},
		{Error{Class: "java.lang.IllegalArgumentException"}, "pyspark.errors", "IllegalArgumentException"},
		{Error{Class: "java.lang.StackOverflowError"}, "pyspark.errors", "UnknownException"},
		{Error{Code: "Unauthenticated"}, "pyspark.errors.exceptions.connect", "SparkConnectGrpcException"},
	} {
		if module, name := c.e.Exception(); module != c.module || name != c.name {
			t.Errorf("%+v: got %s.%s, want %s.%s", c.e, module, name, c.module, c.name)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]Error{
		"[A_B] text":                    {Class: "a.B", Condition: "A_B", Message: "[A_B] text"},
		"AnalysisException: no table t": {Class: "org.apache.spark.sql.AnalysisException", Message: "no table t"},
		"Unknown: no message":           {Code: "Unknown"},
		"text":                          {Message: "text"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLostCheckpointsAreRecognised(t *testing.T) {
	for _, c := range []struct {
		e    Error
		gone bool
	}{
		{Error{Condition: "CONNECT_INVALID_PLAN.DATAFRAME_NOT_FOUND", Message: "[CONNECT_INVALID_PLAN.DATAFRAME_NOT_FOUND] …"}, true},
		// What Spark 4.3 says when the executor with the rows was killed.
		{Error{Condition: "CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND", Message: "[CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND] Checkpoint block rdd_10_1 not found!\nEither the executor that originally checkpointed this partition is no longer alive, or the original RDD is unpersisted."}, true},
		// In the text of a job's failure.
		{Error{Message: "Job aborted due to stage failure: … [CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND] Checkpoint block rdd_1_0 not found!"}, true},
		{Error{Class: "org.apache.spark.sql.connect.common.InvalidPlanInput", Message: "No DataFrame with id x is found in the session y"}, true}, // Spark 4.0
		{Error{Message: "remote checkpoint relation does not exist: x"}, true},
		{Error{Condition: "TABLE_OR_VIEW_NOT_FOUND", Message: "[TABLE_OR_VIEW_NOT_FOUND] checkpoint relation does not exist"}, false},
		{Error{Message: "Job aborted due to stage failure: ExecutorLostFailure (executor 1 exited)"}, false},
	} {
		if got := saysRelationGone(&c.e); got != c.gone {
			t.Errorf("%+v: got %v, want %v", c.e, got, c.gone)
		}
	}
}

func TestWhatAnOlderServerDoesNotKnow(t *testing.T) {
	for message, want := range map[string]bool{
		"CATTYPE_NOT_SET not supported.":                       true, // catalog.createDatabase at Spark 4.0
		"Expected Relation to be set, but is empty.":           true, // DataFrameReader.changes at Spark 4.0
		"[PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC'": false,
	} {
		if got := saysTooNew(&Error{Message: message}); got != want {
			t.Errorf("%s: got %v", message, got)
		}
	}
}

func TestDecodeError(t *testing.T) {
	st, err := status.New(codes.Internal, "\n[X] text\n").WithDetails(
		&errdetails.RetryInfo{},
		&errdetails.ErrorInfo{Reason: "a.B", Metadata: map[string]string{
			"classes": `["a.B","a.A"]`, "errorClass": "X", "sqlState": "42000", "errorId": "id-1", "messageParameters": `{"a":"b`,
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	e, id := decodeError(st)
	if id != "id-1" || e.Class != "a.B" || len(e.Classes) != 2 || e.Condition != "X" || e.SQLState != "42000" || e.Message != "[X] text" || e.Parameters != nil {
		t.Errorf("got %q %+v", id, e)
	}
}

// A status holds whatever the other side put into it.
func FuzzDecodeError(f *testing.F) {
	st, err := status.New(codes.Internal, "m").WithDetails(&errdetails.ErrorInfo{Reason: "r", Metadata: map[string]string{"classes": `["c"]`}})
	if err != nil {
		f.Fatal(err)
	}
	seed, err := proto.Marshal(st.Proto())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var m spb.Status
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		e, _ := decodeError(status.FromProto(&m))
		if e.Error() == "" {
			t.Error("an error without a text")
		}
		if module, name := e.Exception(); module == "" || name == "" {
			t.Errorf("got exception %q.%q", module, name)
		}
	})
}
