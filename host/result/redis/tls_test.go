package redis_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/redis"
)

func TestTLS(t *testing.T) {
	server := proctest.StartRedis(t)
	front := proctest.TLS(t, server.Address(), false)
	put := func(query, id string) error {
		s := open(t, redis.Config{URL: "rediss://" + front.Address + "/0?" + query})
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		return s.Store(ctx, celery.Success(&celery.Task{ID: id, Name: "tasks.add"}, json.RawMessage("1")), result.Reply{})
	}
	id := uuid.NewString()
	if err := put("ssl_ca_certs="+front.CA, id); err != nil {
		t.Fatal(err)
	}
	if len(get(t, proctest.RedisClient(t, server.URL()), "celery-task-meta-"+id)) == 0 {
		t.Error("nothing was stored")
	}
	if err := put("ssl_cert_reqs=required", uuid.NewString()); err == nil {
		t.Error("a certificate of nobody's was trusted")
	}
}
