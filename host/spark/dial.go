package spark

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// dial makes the connection, which connects when it is first used.
func dial(cfg Config, r remote, lines *lines) (*grpc.ClientConn, error) {
	if r.token != "" && !r.tls && !isLoopback(r.host) && !cfg.PlaintextToken {
		return nil, errors.New("the Spark remote has a token, which would go over the network in plain text: " +
			"set use_ssl=true, or allow it (spark_plaintext_token)")
	}
	transport := insecure.NewCredentials()
	if r.tls {
		var err error
		if transport, err = cfg.TLS.credentials(r.host); err != nil {
			return nil, err
		}
	}
	target := "dns:///" + r.address
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(heard{transport, lines}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		// A restarted engine is to be found within a second or two.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Servers before Spark 4.3 break the connection of a client that pings
		// more than every 5 minutes: see lines for what finds silence sooner.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 6 * time.Minute, Timeout: 20 * time.Second}),
		grpc.WithIdleTimeout(0),
		grpc.WithStatsHandler(lines),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(r.withHeaders(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return stream(r.withHeaders(ctx), desc, cc, method, opts...)
		}),
	}
	if cfg.Address != nil || isLoopback(r.host) {
		// No proxy, no DNS: an engine on this machine may move its port.
		target = "passthrough:///" + r.address
		options = append(options, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			if cfg.Address != nil {
				if moved := cfg.Address(); moved != "" {
					address = moved
				}
			}
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to Spark at %s: %w", r.address, err)
	}
	return conn, nil
}

// withHeaders adds the remote's metadata to a call. Credentials of gRPC's own
// kind would refuse a plain connection even on this machine.
func (r *remote) withHeaders(ctx context.Context) context.Context {
	for key, value := range r.headers {
		ctx = metadata.AppendToOutgoingContext(ctx, key, value)
	}
	if r.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+r.token)
	}
	return ctx
}
