package conformance

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// settingsTable says of each of Celery's settings what it is here.
const settingsTable = "../SETTINGS.md"

// settingsHere are the words of the table, by name or by the beginning of several
// names with * behind it. "yes" is a setting of the same name, and `name` in them
// one of ours.
var settingsHere = map[string]string{
	"accept_content": "yes", "timezone": "yes, for crontabs; all else is UTC", "enable_utc": "yes, for crontabs without a `timezone`; times are sent in UTC, and read in any zone",
	"imports": "no: modules come from the folder `plugins`", "include": "no: modules come from the folder `plugins`",
	"result_accept_content": "no: what `result_serializer` names is read, and JSON",

	"beat_schedule": "yes", "beat_schedule_filename": "yes", "beat_max_loop_interval": "yes", "beat_cron_starting_deadline": "yes",
	"beat_scheduler": "no: there is one, which agrees with others on who sends", "beat_sync_every": "no: the file is written after each run",
	"beat_enable_remote_control": "yes, of the command `beat`", "beat_remote_control_max_tick_age": "yes",

	"broker_url": "yes, or `broker`", "broker_transport_options": "yes: visibility_timeout, master_name, priority_steps, sep and global_keyprefix; another one stops the start",
	"broker_heartbeat": "yes, default 10: a dead connection is noticed within 15 s", "broker_native_delayed_delivery_queue_type": "yes",
	"broker_read_url": "yes, where both are the same broker", "broker_write_url": "yes, where both are the same broker",
	"broker_use_ssl": "yes: true, or ca_certs, certfile, keyfile, cert_reqs and server_hostname, with ssl_ for Redis; or amqps:// and rediss:// with parameters in the URL", "broker_failover_strategy": "no: the URLs are tried in turn, beginning with the last good one",
	"broker_connection_retry*": "no: connections are tried for ever, with pauses up to 5 s", "broker_connection_max_retries": "no: connections are tried for ever",
	"broker_channel_error_retry": "no: always, unless the broker refuses for good", "broker_connection_timeout": "yes; 10 s for an answer",
	"broker_heartbeat_checkrate": "no", "broker_login_method": "no: auth_mechanism in the URL", "broker_pool_*": "no: one connection for sending, one for receiving",
	"broker_transport": "no: the URL's scheme", "broker_host": "no: `broker`", "broker_port": "no: `broker`", "broker_user": "no: `broker`",
	"broker_password": "no: `broker`", "broker_vhost": "no: `broker`",

	"control_exchange": "yes", "control_queue_ttl": "yes; negative for none", "control_queue_expires": "yes; negative for none", "control_queue_durable": "yes", "control_queue_exclusive": "yes",
	"event_exchange": "yes", "event_serializer": "yes: json, msgpack or yaml", "event_queue_expires": "yes; negative for none", "event_queue_durable": "yes", "event_queue_exclusive": "yes",
	"event_queue_prefix": "yes", "event_queue_ttl": "no: of monitors; a worker keeps what it hears of others for 2 s, as Celery's does",

	"result_backend": "yes", "result_backend_transport_options": "yes: master_name and global_keyprefix; another one stops the start", "result_expires": "yes; negative for ever", "result_extended": "yes",
	"result_failure_expires": "yes, with Redis", "result_chord_retry_interval": "yes", "result_chord_join_timeout": "yes, with Redis",
	"result_chord_expires": "yes, with Redis", "result_serializer": "yes, with Redis and rpc: json, msgpack or yaml", "result_compression": "yes, with Redis: gzip, brotli or zstd", "result_persistent": "yes",
	"result_exchange*": "no: of a backend that Celery has no more", "result_cache_max": "no: of clients",
	"result_backend_always_retry": "no: always, until the result is safe", "result_backend_max_*": "no: tried until the result is safe, with pauses up to 5 s",
	"result_backend_base_*": "no: pauses begin with 50 ms",
	"database_url":          "no: `result_backend`", "database_table_names": "yes", "database_table_schemas": "yes", "database_create_tables_at_setup": "no: made when they are first needed",
	"database_engine_*": "no: of SQLAlchemy", "database_short_lived_sessions": "no: of SQLAlchemy",
	"redis_backend_use_ssl": "yes, as `broker_use_ssl`",
	"redis_*":               "no: parameters of the URL", "arangodb_*": backend, "azureblockblob_*": backend, "cache_*": backend, "cassandra_*": backend, "cosmosdbsql_*": backend,
	"couchbase_*": backend, "elasticsearch_*": backend, "gcs_*": backend, "mongodb_*": backend, "s3_*": backend,
	"security_*": "no: the serializer auth is not taken",

	"task_acks_late": "yes", "task_acks_on_failure": "yes", "task_acks_on_timeout": "yes", "task_acks_on_failure_or_timeout": "yes",
	"task_annotations": "yes: options by a task's name or *", "task_ignore_result": "yes", "task_store_errors_even_if_ignored": "yes",
	"task_inherit_parent_priority": "yes", "task_reject_on_worker_lost": "yes", "task_send_sent_event": "yes", "task_soft_time_limit": "yes", "task_time_limit": "yes",
	"task_track_started": "yes", "task_queues": "yes, by name: exchange, exchange_type, routing_key, queue_arguments, consumer_arguments, bindings",
	"task_routes": "yes, by name or glob: a queue, or queue, exchange and routing_key", "task_default_queue": "yes", "task_default_queue_type": "yes",
	"task_default_exchange": "yes", "task_default_exchange_type": "yes", "task_default_routing_key": "yes", "task_create_missing_queues": "yes",
	"task_create_missing_queue_type": "yes", "task_create_missing_queue_exchange_type": "yes", "task_queue_max_priority": "yes",
	"task_default_rate_limit":    "yes",
	"task_default_delivery_mode": "yes, for what tasks and the beat send",
	"task_default_priority":      "yes, for what tasks and the beat send",
	"task_always_eager":          "no: `sparkstalk run` and sdk/sdktest", "task_eager_propagates": "no: `sparkstalk run` and sdk/sdktest", "task_store_eager_result": "no: `sparkstalk run` and sdk/sdktest",
	"task_compression": "yes, for what tasks and the beat send: gzip, brotli or zstd; all are read (a signature that asks for another gets gzip)", "task_serializer": "yes, for what tasks and the beat send, and remote control: json, msgpack or yaml", "task_protocol": "no: 2 is sent; 1 and 2 are read",
	"task_publish_retry*":    "no: sent until the broker has confirmed it",
	"task_remote_tracebacks": "no: of clients", "task_repr_maxlevels": "no: 3", "task_retry_on_worker_lost": "yes: a worker that is lost is the process of a module with isolation",
	"task_allow_error_cb_on_chord_header": "yes",

	"worker_concurrency": "yes, or `concurrency`; default, and with auto, one for each CPU", "worker_prefetch_multiplier": "yes, or `prefetch_multiplier`; default 1, as for long tasks ([why](RATIONALE.md#why-is-the-prefetch-multiplier-1))",
	"worker_send_task_events": "yes, or `task_events`", "worker_state_db": "yes, or `statedb`", "worker_direct": "yes", "worker_eta_task_limit": "yes",
	"worker_deduplicate_successful_tasks": "yes", "worker_enable_remote_control": "yes", "worker_cancel_long_running_tasks_on_connection_loss": "yes",
	"worker_disable_rate_limits": "yes", "worker_detect_quorum_queues": "no: always", "worker_disable_prefetch": "no: `prefetch_multiplier` 1",
	"worker_soft_shutdown_timeout": "yes, after SIGQUIT or a second Ctrl-C; `grace` bounds a warm shutdown, too", "worker_enable_soft_shutdown_on_idle": "no: tasks that wait go back to their queue",
	"worker_enable_prefetch_count_reduction": "no: what is delivered again to a running task is taken over",
	"worker_log_format":                      "no: `--json`, or key=value", "worker_log_color": "no", "worker_log_datefmt": "no: ISO 8601", "worker_task_log_*": "no: `--json`, or key=value",
	"worker_hijack_root_logger": "no: of Python", "worker_redirect_stdouts*": "no: a module's output goes to the log",
	"worker_max_memory_per_child": "no: `memory_mib` for each module instance", "worker_max_tasks_per_child": "no: modules are instances of WASM, not processes",
	"worker_pool*": "no: modules are instances of WASM, not processes", "worker_proc_alive_timeout": "no: modules are instances of WASM, not processes",
	"worker_lost_wait": "no: modules are instances of WASM, not processes", "worker_agent": "no: of Python", "worker_autoscaler": "no: `autoscale` has one",
	"worker_consumer": "no: of Python", "worker_timer*": "no: of Python",
}

const backend = "no: this result backend is not served"

// TestSettings holds the table to Celery's list of settings and to ours.
// SPARKSTALK_UPDATE=1 writes it.
func TestSettings(t *testing.T) {
	const script = `import json; from celery.app.defaults import _OPTIONS
print(json.dumps({k: repr(o.default) for k, o in _OPTIONS.items()}))`
	out, err := exec.CommandContext(t.Context(), proctest.Python(t), "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	var defaults map[string]string
	if err := json.Unmarshal(out, &defaults); err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for f := range reflect.TypeFor[host.Config]().Fields() {
		ours[f.Tag.Get("json")] = true
	}
	lines := []string{
		"# Celery's settings", "",
		"What each setting of Celery 5.7 is here: `yes` is a setting of the same name in `sparkstalk.yaml`, and in upper case behind",
		"`SPARKSTALK_` in the environment. Defaults are Celery's, unless others are named. A test holds this table to Celery's own list;",
		"[sparkstalk's own settings](#sparkstalks-own-settings) are below.", "",
		"| setting | Celery's default | here |", "| --- | --- | --- |",
	}
	used := map[string]bool{}
	names := make([]string, 0, len(defaults))
	for name := range defaults {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		key, words := name, settingsHere[name]
		for end := len(name); words == "" && end > 0; end-- {
			key = name[:end] + "*"
			words = settingsHere[key]
		}
		used[key] = true
		switch {
		case words == "":
			t.Errorf("nothing is said of Celery's %s", name)
		case strings.HasPrefix(words, "yes") && !ours[name]:
			t.Errorf("%s is said to be a setting, and is none", name)
		case !strings.HasPrefix(words, "yes") && ours[name]:
			t.Errorf("%s is a setting, and is said to be %q", name, words)
		}
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(words, -1) {
			if !ours[m[1]] {
				t.Errorf("%s: %s is no setting", name, m[1])
			}
		}
		lines = append(lines, "| "+name+" | `"+strings.Join(strings.Fields(strings.ReplaceAll(defaults[name], "|", `\|`)), " ")+"` | "+words+" |")
	}
	for key := range settingsHere {
		if !used[key] {
			t.Errorf("Celery has no setting %s", key)
		}
	}
	lines = append(lines, ownSettingsText(t, ours, defaults)...)
	text := strings.Join(lines, "\n") + "\n"
	if os.Getenv("SPARKSTALK_UPDATE") != "" {
		if err := os.WriteFile(settingsTable, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(settingsTable); err != nil || string(have) != text {
		t.Errorf("%s is not up to date (%v): SPARKSTALK_UPDATE=1 go test -run TestSettings ./host/conformance", settingsTable, err)
	}
}
