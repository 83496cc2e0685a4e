// Package sparktest is a Spark Connect server that does what a test scripts,
// inside the test's own process, for what a real engine cannot be made to do at
// a given moment: to end a stream early, to forget, to be slow, to be away.
//
// It keeps executions as Spark does: their responses are buffered, a stream can
// be taken up again after any of them, and interrupts and releases count. What
// an execution answers is up to the [Script].
package sparktest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Script answers one execution, on a goroutine of its own. When it returns
// nil, the execution is complete; an error ends its streams: see [Error] and
// [ErrQuiet].
type Script func(*Operation) error

// Manners are the ways in which engines differ.
type Manners struct {
	// Trusting makes the server's id of a session that of the client, so that no
	// restart shows by it, and leaves the conditions out of errors, as Sail does.
	Trusting bool
	// Refuse is what the server says to an artifact. Nil takes all.
	Refuse func(name string) error
}

// Server is a scripted Spark Connect server. It is safe for concurrent use.
type Server struct {
	t       testing.TB
	script  Script
	manners Manners

	mu         sync.Mutex
	listener   net.Listener
	server     *grpc.Server
	address    string
	process    string // tells one life of the server from the next
	closed     map[string]bool
	settings   map[string]string // by session and key
	operations map[string]*Operation
	requests   []Request
	failures   map[string][]error
	held       map[string]<-chan struct{}
	running    sync.WaitGroup
}

// A Request is one call that arrived.
type Request struct {
	Method  string // as in ExecutePlan
	Message any    // the request's message
	Header  metadata.MD
}

// Start starts a server that lives as long as the test.
func Start(t testing.TB, script Script) *Server {
	t.Helper()
	return StartWith(t, Manners{}, script)
}

// StartWith is [Start] with manners.
func StartWith(t testing.TB, manners Manners, script Script) *Server {
	t.Helper()
	s := &Server{t: t, script: script, manners: manners, failures: make(map[string][]error), held: make(map[string]<-chan struct{})}
	s.Restart()
	t.Cleanup(s.Stop)
	return s
}

// Remote returns the connection string of the server as it was first started.
func (s *Server) Remote() string { return "sc://" + s.Address() }

// Address returns where the server listens now. Each restart moves it.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Stop breaks all connections and forgets all sessions and executions.
func (s *Server) Stop() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	// In this order: a process that dies has no time to say so.
	if server != nil {
		server.Stop()
	}
	s.mu.Lock()
	operations := s.operations
	s.operations = nil
	s.mu.Unlock()
	for _, o := range operations {
		o.cancel()
	}
	s.running.Wait()
}

// Restart starts the server anew, as another process at another port.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(128<<20), grpc.MaxSendMsgSize(256<<20),
		grpc.UnaryInterceptor(s.unary),
	)
	sparkpb.RegisterSparkConnectServiceServer(server, &service{server: s})
	s.mu.Lock()
	s.listener, s.server, s.address, s.process = listener, server, listener.Addr().String(), uuid.NewString()
	s.operations, s.closed, s.settings = make(map[string]*Operation), make(map[string]bool), make(map[string]string)
	s.mu.Unlock()
	s.running.Go(func() {
		// Serve ends with Stop, and has nothing to say then.
		_ = server.Serve(listener)
	})
}

// Break breaks all connections, and keeps everything else.
func (s *Server) Break() {
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	if server == nil {
		return // there are none
	}
	server.Stop()
	listener, err := net.Listen("tcp", s.Address())
	if err != nil {
		s.t.Error(err)
		return
	}
	again := grpc.NewServer(grpc.MaxRecvMsgSize(128<<20), grpc.MaxSendMsgSize(256<<20), grpc.UnaryInterceptor(s.unary))
	sparkpb.RegisterSparkConnectServiceServer(again, &service{server: s})
	s.mu.Lock()
	s.listener, s.server = listener, again
	s.mu.Unlock()
	s.running.Go(func() { _ = again.Serve(listener) })
}

// CloseSessions closes all sessions, as Spark closes idle ones.
func (s *Server) CloseSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if m, ok := r.Message.(sessionRequest); ok {
			s.closed[m.GetSessionId()] = true
		}
	}
}

// Fail makes the next calls of a method fail, one with each error, before they
// do anything.
func (s *Server) Fail(method string, errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[method] = append(s.failures[method], errs...)
}

// Hold lets calls of a method wait until the channel is closed.
func (s *Server) Hold(method string, until <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[method] = until
}

// Requests returns the calls of a method that have arrived, in their order.
func (s *Server) Requests(method string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.requests {
		if r.Method == method {
			out = append(out, r)
		}
	}
	return out
}

// Operations returns how many executions are remembered.
func (s *Server) Operations() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.operations)
}

// sessionRequest is what all requests have.
type sessionRequest interface{ GetSessionId() string }

// arrived notes a request, and says what is wrong with its session.
func (s *Server) arrived(ctx context.Context, method string, m sessionRequest) error {
	s.mu.Lock()
	held := s.held[method]
	s.mu.Unlock()
	if held != nil {
		<-held
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	header, _ := metadata.FromIncomingContext(ctx)
	s.requests = append(s.requests, Request{Method: method, Message: m, Header: header})
	if errs := s.failures[method]; len(errs) > 0 {
		s.failures[method] = errs[1:]
		return errs[0]
	}
	if s.closed[m.GetSessionId()] && s.manners.Trusting {
		return Error("", "java.lang.IllegalArgumentException", "session "+m.GetSessionId()+" is not running")
	}
	if s.closed[m.GetSessionId()] {
		return Error("INVALID_HANDLE.SESSION_CLOSED", "org.apache.spark.SparkSQLException", "[INVALID_HANDLE.SESSION_CLOSED] The handle is invalid.")
	}
	observed := ""
	if m, ok := m.(interface{ GetClientObservedServerSideSessionId() string }); ok { // all but ReleaseSession
		observed = m.GetClientObservedServerSideSessionId()
	}
	if observed != "" && observed != s.serverID(m.GetSessionId()) {
		return Error("INVALID_HANDLE.SESSION_CHANGED", "org.apache.spark.SparkSQLException", "[INVALID_HANDLE.SESSION_CHANGED] The handle is invalid.")
	}
	return nil
}

// serverID is the server's own id of a session.
func (s *Server) serverID(session string) string {
	if s.manners.Trusting {
		return session
	}
	return uuid.NewSHA1(uuid.MustParse(s.process), []byte(session)).String()
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[len("/spark.connect.SparkConnectService/"):]
	m, ok := req.(sessionRequest)
	if !ok {
		return nil, status.Errorf(codes.Internal, "%s has no session", method)
	}
	if err := s.arrived(ctx, method, m); err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

func (s *Server) operation(id string) (*Operation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.operations[id]; o != nil {
		return o, nil
	}
	if s.manners.Trusting {
		return nil, Error("", "java.lang.IllegalArgumentException", "invalid argument: operation not found: "+id)
	}
	return nil, Error("INVALID_HANDLE.OPERATION_NOT_FOUND", "org.apache.spark.SparkSQLException",
		fmt.Sprintf("[INVALID_HANDLE.OPERATION_NOT_FOUND] The handle %s is invalid.", id))
}
