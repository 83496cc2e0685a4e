package dev

import (
	"context"
	"errors"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host"
)

// A server runs tasks: a host with its broker, or a runtime alone.
type server struct {
	host            *host.Host    // nil without a broker
	alone           *host.Runtime // without a broker
	broker, backend string        // URLs for clients, empty without
	own             *ownBroker    // nil unless the broker is the loop's
}

func openServer(ctx context.Context, cfg Config) (_ *server, err error) {
	s := &server{}
	if cfg.NoBroker {
		s.alone, err = host.OpenRuntime(ctx, cfg.Host)
		return s, err
	}
	if cfg.Host.Broker == "" {
		if s.own, err = startBroker(cfg.Port); err != nil {
			return nil, err
		}
		cfg.Host.Broker = s.own.url
		if cfg.Host.ResultBackend == "" {
			cfg.Host.ResultBackend = s.own.url
		}
	}
	if cfg.Host.ResultBackend == "" {
		cfg.Host.ResultBackend = host.DefaultBackend
	}
	if cfg.Host.Grace == 0 {
		cfg.Host.Grace = 1
	}
	s.broker, s.backend = cfg.Host.Broker, cfg.Host.ResultBackend
	if s.host, err = host.Open(ctx, cfg.Host); err != nil {
		s.own.close()
		return nil, err
	}
	return s, nil
}

func (s *server) runtime() *host.Runtime {
	if s.host != nil {
		return s.host.Runtime()
	}
	return s.alone
}

func (s *server) engine() string { return s.runtime().Engine() }

// fields describe the server to programs.
func (s *server) fields(dir string) map[string]any {
	return map[string]any{"dir": dir, "engine": s.engine(), "broker": s.broker, "result_backend": s.backend}
}

// run serves until ctx ends, and closes the server.
func (s *server) run(ctx context.Context) error {
	defer s.own.close()
	if s.host == nil {
		return errors.Join(s.alone.Run(ctx), s.alone.Close())
	}
	if err := s.host.Run(ctx, ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// close closes a server that was not run. It may be nil.
func (s *server) close() error {
	if s == nil {
		return nil
	}
	defer s.own.close()
	if s.host != nil {
		return s.host.Close()
	}
	if s.alone == nil {
		return nil
	}
	return s.alone.Close()
}
