/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_parts: what the files daemon*.c share; private to them.
 *
 *     daemon.c          life: loop, signals, start, the order of shutdown
 *     daemon_serve.c    addr and the control socket, and what is done there
 *     daemon_watch.c    from a configuration to monitors and sources
 *     daemon_feed.c     a source and the monitors that it serves
 *     daemon_cover.c    rules that cover many, and their members
 *     daemon_member.c   a member of any kind
 *     daemon_containers.c  members that are containers
 *     daemon_labels.c   … that are as their container's labels say
 *     daemon_samples.c  the sources of values, and what their series mean
 *     daemon_alerts.c   Alertmanager's alerts, and members that are some
 *     daemon_gateway.c  the push gateway that we are ourselves
 *     daemon_registry.c what Prometheus servers are handed
 *     daemon_runtime.c  the runtimes that they name
 *     daemon_act.c      the supervisor's commands become steps, and come back
 *     daemon_begun.c    a restart that begins is written down first
 *     daemon_dependents.c  who is restarted after another was
 *     daemon_notice.c   what people are told
 *     daemon_state.c    what survives our own restart
 *     daemon_plugins.c  actions that people write themselves
 *     daemon_begun.c    what began since the state was last written
 *     daemon_leader.c   which of several of us acts
 *     daemon_notify.c   service manager and orphans
 */
#pragma once

#include <uv.h>
#include "action/bounce.h"
#include "action/hook.h"
#include "action/promise.h"
#include "api/api.h"
#include "base/map.h"
#include "config/config.h"
#include "core/facts.h"
#include "core/saved_state.h"
#include "core/supervisor.h"
#include "daemon.h"
#include "proto/timestamp.h"
#include "io/atomic_file.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "io/log_sink.h"
#include "io/notify.h"
#include "io/own_container.h"
#include "io/reaper.h"
#include "runtime/runtime.h"
#include "source/alerts.h"
#include "source/builtin.h"
#include "source/containers.h"
#include "source/kubernetes_lease.h"
#include "source/pushgateway.h"
#include "source/query.h"
#include "source/scrape.h"
#include "source/source.h"

/* A configuration lives until nothing borrows from it any more. */
struct daemon_config {
	struct config *config;
	uint32_t n_refs;
	struct daemon_config *base; /* which it borrows from; NULL: none */
};

/* What a container asks for by its labels; all NULL: it is not asked. */
struct daemon_asked {
	struct daemon_config *config;
	const struct config_monitor *monitor; /* in it */
};

/* Of the notice that was made last, in words. */
struct daemon_numbers {
	char value[VALUE_TEXT_MAX];
	char threshold[THRESHOLD_TEXT_MAX];
	char starts_at[TIMESTAMP_TEXT_MAX];
};

/* A notice whose text is its own (mem_free). */
struct daemon_notice {
	struct notice notice;
	char *text; /* NULL: it is not kept */
};

/* A step at work: what it borrows is held by `config`, or lies in it. */
struct daemon_step {
	struct bounce bounce;
	struct watched *watched;
	struct daemon_config *config;
	struct daemon_notice told; /* of a step that tells somebody why */
	char *env;                 /* of one that wants more; NULL */
	char text[]; /* of a member: its container's name, id, project */
};

/* A monitor with what the daemon keeps beside it. */
struct watched {
	struct monitor monitor;
	struct daemon *daemon;
	struct feed *feed;         /* where its observations come from */
	uint32_t subscription;     /* its number there */
	struct member *member;     /* of a rule; NULL: the monitor is one */
	struct facts *facts;       /* of the series or the alert, maybe shared;
	                              NULL: none */
	struct daemon_step *step;  /* at work, or NULL */
	const struct notice *told; /* of the step that has just ended; NULL */
	struct list node;          /* in daemon.removed */
	bool removed;              /* goes when its step has ended */
	bool starved;              /* no memory for a step */
	uint32_t n_steps[][N_STEP_RESULTS];
};

/*
 * A rule that covers many: containers, series or alerts. It has the name of its
 * monitor in the configuration and outlives reloads under it; its memory goes
 * with the last of its members, some of which may still be acting when the
 * rule is gone.
 */
struct cover {
	struct rule rule;
	struct daemon *daemon;
	const struct config_monitor *config;  /* followed; NULL: not yet */
	const struct config_monitor *planned; /* by the plan that is made */
	struct list members;                  /* those that are not removed */
	uint32_t n_members;
	uint32_t n_gone; /* of them: not there now, but remembered */
	uint32_t n_refs; /* members, removed ones, too; and the daemon */
	bool said_full;  /* one line in the log */
	struct bounce_lane lane; /* of their bounces */
	char name[];
};

/* What a step needs of a container, and people want to know of it; in one
 * block of memory. */
struct member_text {
	const char *id;
	const char *container; /* its name */
	const char *project;   /* "": none, or the default one */
	const char *image;
	char text[];
};

/* The container that has a member's identity now, or had it last. */
struct member_container {
	struct member_text *text;   /* NULL only before it is noted */
	char *output;               /* of the failing check; NULL: none */
	struct runtime_target seen; /* as it was last inspected, … */
	uint64_t seen_ms;           /* … when; 0: it was only listed */
	int64_t finished_wall_ms;
	int64_t exit_code;       /* of the container, or of the check */
	int64_t stop_timeout_ms; /* that its label says; -1: none */
	bool ended_by_us;        /* see core/container.h */
};

/*
 * What a monitor under a rule is beside a monitor, whatever it is about; and
 * what stands for it at the source. What is known of a series or an alert are
 * the facts of `watched`.
 */
struct member {
	struct watched *watched;
	struct cover *cover;
	const struct config_monitor *config; /* the rule's, or its own, … */
	struct daemon_config *own; /* … which lies in this; NULL: the rule's */
	struct group *origin;      /* of the source that says whether it is
	                              there; held */
	struct list node;          /* of the cover */
	struct list feed_node;     /* of the feed */
	struct feed *feed;         /* NULL: none is there, or who knows */
	uint64_t gone_ms;          /* since when it is not there; 0: it is */
	uint64_t told_in;          /* series: the reading that last had it */
	bool detached;             /* its source was closed: who knows */
	struct member_container *container; /* NULL: it is none */
	char *target; /* what it acts on, of what is no container; NULL: it is
	                 called as the monitor is */
	char name[];  /* "RULE/IDENTITY" */
};

/* What a source says of one that a rule covers: one of these. */
struct daemon_said {
	const struct container *container;
	const struct facts *facts; /* of a series, or an alert */
};

/* The past of a member that is not there now: read at the start, or of one
 * whose rule has changed. */
struct past {
	struct list node; /* of daemon.past_list */
	struct policy_saved saved;
	int64_t bounce_wall_ms;
	struct pause *pause; /* owned; may be NULL */
	uint64_t until_ms;   /* forgotten then */
	char name[];
};

/* What a rule asks of one source. */
struct feed_rule {
	struct containers_query query;
	struct cover *cover;
};

/* Whom the series of a subscription are told: one of these. */
struct sampled {
	struct watched *watched;
	struct cover *cover; /* of series: each */
};

/* What a kind of source can do; as source/pushgateway.h says it. */
struct feed_kind {
	int (*open)(struct feed *feed, const struct config_global *global,
	            struct err *err);
	void (*start)(struct feed *feed);
	void (*check)(struct feed *feed, const struct watched *watched);
	void (*close)(struct feed *feed, void (*closed)(void *context));
};

/* One source and its monitors, by the number of their subscription. */
struct feed {
	struct list node;
	struct daemon *daemon;
	const struct feed_kind *kind;
	struct group *group;
	struct reader reader;  /* of the group */
	struct source *source; /* NULL: not opened; of one of these */
	struct pushgateway *gateway;
	struct builtin_source *builtin;
	struct alerts_source *alerts;
	struct containers *containers;
	struct query *query;
	struct scrape *scrape;
	struct watched **watched; /* of pushes */
	uint32_t n_watched;
	struct feed_rule **rules; /* of containers */
	uint32_t n_rules;
	struct list members;
	struct sampled *sampled; /* of values, by subscription; of a query all
	                            have the same one */
	uint32_t n_sampled;
	struct facts *facts; /* that were noted last; NULL: none */
	const struct config_metric *metric; /* until it is opened */
	struct source_credentials *credentials;
	char *key; /* of values: what tells it from others of its kind; may
	              hold NULs; NULL: its URL does */
	size_t n_key;
	struct runtime *runtime;      /* of containers */
	struct daemon_config *config; /* the rules borrow from it */
	bool whole;      /* the reading that is told of is a whole list */
	bool listed;     /* there was a whole list: who is not in it, is gone */
	const char *url; /* the group's */
	uint64_t interval_ms;
	bool closing;
};

/* The monitors of one gateway (its URL), or of one engine ("docker", "docker
 * tcp://…": its name in promises, too). */
struct daemon_group {
	struct group group; /* its name is without the URL's password */
	uint32_t n_feeds;   /* and others that hold it */
	char *name;
	char url[];
};

/* Alertmanager's alerts, as long as a monitor watches them. */
struct daemon_alerts {
	struct daemon *daemon;
	struct alerts *alerts;
	struct alerts_access *planned; /* of the configuration in the making */
	struct alerts_access *access;  /* of the one that is followed */
	bool applied;                  /* one with alerts is followed */
	bool closing;
};

/* The registry, as long as it is on. */
struct daemon_registry {
	struct registry *registry; /* NULL: it is off */
	struct registry_http *http;
	struct api_extension extension;
	struct daemon_config *config; /* that it borrows from; NULL: none */
	bool planned; /* another configuration may be followed */
	bool applied; /* one with it is */
	bool closing;
};

struct daemon_runtime {
	struct list node;
	enum config_target_type type;
	struct runtime *runtime;
	char endpoint[]; /* "": the usual places */
};

/* The built-in push gateway, as long as it is on. */
struct daemon_gateway {
	struct daemon *daemon;
	struct builtin *builtin;
	struct auth *auth;      /* of the configuration that is planned */
	struct auth *push_auth; /* of the one that is followed */

	struct atomic_file *file; /* the snapshot; NULL: none is kept */
	uv_timer_t timer;         /* the next one */
	uint64_t interval_ms;     /* 0: only at the end */
	struct atomic_write write;
	struct push_snapshot_writer *writer; /* NULL: none is being written */
	uint64_t n_writing; /* changes of the store that are written now */
	uint64_t n_written; /* … and were */
	bool failing;

	bool applied; /* a configuration with it is followed */
	bool closing;
	bool last_done; /* the snapshot at the end */
	bool timer_open;
};

#define N_DAEMON_SIGNALS 3 /* TERM, INT, HUP */

struct daemon_signal {
	uv_signal_t handle;
	struct daemon *daemon;
};

/* Which of several of us acts. */
struct daemon_leader {
	bool enabled;
	bool alone;                            /* in no cluster: we act */
	bool ended;                            /* the lease was given free */
	struct kubernetes_lease_source *lease; /* NULL: none is asked for */
	char identity[256];
	char words[320]; /* of why we do not act */
	bool told_leads; /* what was last written down */
	char told_holder[256];
	char told_trouble[ERR_MESSAGE_SIZE];
};

struct daemon {
	const struct daemon_options *options;
	uv_loop_t loop;
	struct log_sink sink;
	const struct log *log; /* the sink's */
	struct daemon_config *config;

	struct http_client *client;
	struct http_server *server;  /* on addr; NULL: none */
	struct http_server *control; /* NULL: none */
	struct auth *auth;           /* NULL: only the control socket */
	struct api api;
	struct api_ops api_ops;
	struct list runtimes;
	struct runtime *host;

	struct journal journal;
	struct targets targets;
	struct supervisor supervisor;
	struct supervisor_ops supervisor_ops;
	struct bouncer bouncer;
	struct plugins *plugins;
	struct daemon_leader leader;
	struct promises *promises;
	struct promises_ops promises_ops;

	struct watched **watched; /* of pushes, in the order of the file */
	uint32_t n_watched;
	uint32_t n_starved;
	struct map by_name;    /* struct watched, the same */
	struct cover **covers; /* rules, in the order of the file */
	uint32_t n_covers;
	struct map members;        /* struct member, by its whole name */
	struct map pasts;          /* struct past, likewise */
	struct list past_list;     /* the same */
	uv_timer_t forget_timer;   /* the next member or past to be forgotten */
	uint64_t forget_ms;        /* when; DEADLINE_NEVER */
	uint64_t forgot_ms;        /* the last time; 0: never */
	struct monitor **monitors; /* all, for the API: first those of pushes,
	                              members as they come */
	uint32_t n_monitors;
	uint64_t n_readings; /* of rules of series */
	uint32_t monitors_cap;
	struct group **groups;
	uint32_t n_groups;
	struct list feeds;
	struct list removed;
	struct map complaints;  /* about labels of containers; keys that are
	                           their own values */
	uv_timer_t asked_timer; /* who asks about pushes has changed */
	struct daemon_gateway *gateway; /* NULL: it is off */
	struct daemon_alerts *alerts;   /* NULL: nobody watches any */
	struct daemon_registry registry;

	char *state_dir;                /* of the start; NULL: none */
	int state_lock;                 /* its descriptor; -1: none */
	struct atomic_file *state_file; /* NULL: none is kept */
	struct list state_waits;        /* promise_wait, not yet written */
	uint64_t state_cost_ms;         /* of the last document, in our time */
	uv_timer_t state_timer;         /* the next write */
	uint64_t state_hash;            /* of what was written last */
	bool state_failing;
	struct append_file *begun; /* beside it; NULL: not used */
	uint64_t n_begun;          /* lines of it, ever */
	struct saved_state *saved; /* read at start */

	struct list dependents; /* of containers that were restarted, … */
	uv_timer_t dependents_timer; /* … as long as these are waited for */
	struct notifier *notifier;   /* NULL: we end */
	struct daemon_numbers numbers;
	struct hooks hooks;
	char host_name[UV_MAXHOSTNAMESIZE];

	struct notify notify;
	uv_timer_t status_timer;           /* the next status line */
	char own_id[OWN_CONTAINER_ID_MAX]; /* of the container we run in, "" */
	struct reaper reaper;
	bool reaping; /* orphans come to us */

	uv_timer_t deadline; /* the supervisor's next */
	uint64_t deadline_ms;
	uv_timer_t stop_timer; /* limit of an orderly end */
	struct daemon_signal signals[N_DAEMON_SIGNALS];
	uint32_t n_pending; /* closes that are under way */
	uint32_t stage;     /* of the shutdown */
	bool started; /* what we know is more than what the state file says */
	bool stopping;
	int exit_code;
};

/* --- daemon.c ----------------------------------------------------------- */

/* Monotonic now; also tells the supervisor how wall time relates to it. */
uint64_t daemon_now(struct daemon *daemon);
int64_t daemon_wall_ms(void);

/* After anything that may have moved the supervisor's next deadline. */
void daemon_arm(struct daemon *daemon);

/* Goes on with the end when no step runs any more; harmless before. */
void daemon_drained(struct daemon *daemon);

/* One of the closes that a stage of the shutdown waits for is done. */
void daemon_closed_one(void *context);

/* Reads the configuration anew; also records and logs how that went. 0, or a
 * negative code with words and, if it is the file, @problems. */
int daemon_reload(struct daemon *daemon, struct buf *problems, struct err *err);

/* --- daemon_serve.c ------------------------------------------------------ */

/* What a configuration wants served, made beside what is served now. */
struct daemon_serving {
	struct http_server *server;
	struct http_server *control;
	struct auth *auth;
	bool new_server; /* takes the place of the one on addr */
	bool evicted;    /* which had to be closed first */
	bool new_control;
};

void daemon_serve_init(struct daemon *daemon);
/* On failure nothing has changed. Otherwise one of the next two follows. */
int daemon_serve_prepare(struct daemon *daemon, const struct config *config,
                         struct daemon_serving *serving,
                         struct err *err) MUST_CHECK;
void daemon_serve_commit(struct daemon *daemon, struct daemon_serving *serving);
void daemon_serve_drop(struct daemon *daemon, struct daemon_serving *serving);
/* daemon_closed_one() for each close that it counts in n_pending. */
void daemon_serve_close(struct daemon *daemon);

/* --- daemon_watch.c ------------------------------------------------------ */

/*
 * daemon_watch_apply() - make @config the one that is followed
 *
 * Monitors that did not change keep their state, changed ones their past.
 * On failure nothing has changed and @config is still the caller's.
 */
int daemon_watch_apply(struct daemon *daemon, struct config *config,
                       struct err *err) MUST_CHECK;

/* Closes all sources; daemon_closed_one() for each counted in n_pending. */
void daemon_watch_close_sources(struct daemon *daemon);
/* Frees monitors and groups, at the very end. */
void daemon_watch_free(struct daemon *daemon);

/* A removed monitor whose step has ended. */
void daemon_watch_drop(struct daemon *daemon, struct watched *watched);

void daemon_config_ref(struct daemon_config *config);
void daemon_config_unref(struct daemon_config *config);

/* The memory of one that the supervisor does not know (any more). */
void daemon_watched_free(struct watched *watched);

/* What the configuration says of a monitor, whatever it watches. */
void daemon_watch_configure(struct monitor *monitor,
                            const struct config_monitor *config);

/* Of the supervisor, too, unless its step still runs: then it goes with the
 * end of that. */
void daemon_watch_remove(struct daemon *daemon, struct watched *watched);

/* The group of that URL or engine; made if need be. NULL: out of memory. */
struct group *daemon_group_take(struct daemon *daemon,
                                const char *url) MUST_CHECK;
const char *daemon_group_url(const struct group *group);

/* As long as it is held it does not go with its last monitor. */
void daemon_group_hold(struct group *group);
void daemon_group_release(struct group *group);

/* The target of that key: who shares it, shares the exclusion. NULL if out of
 * memory. @project may be NULL. */
struct target *daemon_target_take(struct daemon *daemon, const char *runtime,
                                  const char *project,
                                  const char *name) MUST_CHECK;

/* What the API sees: one more, at the end, which disturbs no answer that is
 * being sent; or without those that are marked as removed. 0 or -ENOMEM. */
int daemon_monitors_add(struct daemon *daemon,
                        struct monitor *monitor) MUST_CHECK;
void daemon_monitors_prune(struct daemon *daemon);

/* --- daemon_plugins.c ---------------------------------------------------- */

int daemon_plugins_open(struct daemon *daemon) MUST_CHECK;
/* Would every plugin step of @config be carried out? 0; -EINVAL, after a line
 * in the log for each that would not, with words that say how many; -ENOMEM. */
int daemon_plugins_check(struct daemon *daemon, const struct config *config,
                         struct err *err) MUST_CHECK;
/* daemon_closed_one() when it is done; counted in n_pending. */
void daemon_plugins_close(struct daemon *daemon);

/* --- daemon_feed.c ------------------------------------------------------- */

extern const struct feed_kind daemon_feed_pushgateway;
extern const struct feed_kind daemon_feed_builtin;
extern const struct feed_kind daemon_feed_containers; /* daemon_containers.c */

/* The kind of a gateway's URL. */
const struct feed_kind *daemon_feed_kind_of(const char *url);

/* @url is borrowed. NULL if memory is out. */
struct feed *daemon_feed_new(struct daemon *daemon,
                             const struct feed_kind *kind, struct group *group,
                             const char *url, uint64_t interval_ms) MUST_CHECK;
/* Before anything is added, and after it is in a list. */
int daemon_feed_open(struct feed *feed, const struct config_global *global,
                     struct err *err) MUST_CHECK;
int daemon_feed_add(struct feed *feed, struct watched *watched,
                    const struct config_monitor *config) MUST_CHECK;
/* Its monitors are its own from now on. */
void daemon_feed_start(struct feed *feed);
/* A fresh observation of this one is wanted. */
void daemon_feed_check(const struct watched *watched);
/* In whatever state; daemon_closed_one() if counted in n_pending. */
void daemon_feed_close(struct feed *feed);

/* What a source's listener does, whatever it is a source of. */
void daemon_feed_begin(struct feed *feed, const struct reading *reading);
void daemon_feed_end(struct feed *feed);

/* --- daemon_cover.c ------------------------------------------------------ */

/* The rule of that monitor of a configuration that is planned: the one that
 * there is, or a new one. NULL: out of memory. */
struct cover *daemon_cover_plan(struct daemon *daemon,
                                const struct config_monitor *config) MUST_CHECK;
/* The plan came to nothing. */
void daemon_cover_unplan(struct cover *cover);
/* What is planned is followed; NULL: the rule is gone. Members of a rule that
 * did not change stay as they are, of others their past is kept for those that
 * come; all of them before the sources of the plan start, and after those
 * before it were closed. */
void daemon_cover_commit(struct cover *cover);
void daemon_cover_unref(struct cover *cover);

/*
 * What the listener of a source is told, between its begin and end.
 *
 * daemon_cover_appear() - "RULE/IDENTITY" is there, maybe again
 * @asked: it wants something of its own; NULL: the rule's configuration
 *
 * NULL: it is not covered: the rule has as many as it may, another has that
 * name, or memory is out.
 *
 * daemon_cover_observe() - what is seen of it
 * @said: NULL: nothing new is known of it
 *
 * daemon_cover_leave() - the source speaks of it no more
 * @last: what that means for it; NULL: nothing
 *
 * It is idle then, and forgotten after the rule's forget_after unless it
 * appears again. Until then daemon_cover_observe() may still be called.
 */
struct member *daemon_cover_appear(struct feed *feed, struct cover *cover,
                                   const char *identity,
                                   const struct daemon_said *said,
                                   const struct daemon_asked *asked);
void daemon_cover_observe(struct member *member,
                          const struct observation *observation,
                          const struct daemon_said *said);
void daemon_cover_leave(struct member *member, const struct observation *last);
/* The one of that identity, there or remembered; NULL: there is none. */
struct member *daemon_cover_find(const struct cover *cover,
                                 const char *identity);
/* So long, and so many, what it covers, as its configuration says. */
uint64_t daemon_cover_forget_ms(const struct config_monitor *config);

/* The past of that name, which is the caller's from now on; or NULL. */
struct past *daemon_cover_take_past(struct daemon *daemon, const char *name);
/* Takes the pasts of members out of what was saved, at the start. */
void daemon_cover_restore(struct daemon *daemon);
/* Frees all that is left, at the very end. */
void daemon_cover_free_all(struct daemon *daemon);

/* --- daemon_member.c ----------------------------------------------------- */

/* A member that the supervisor and the API know; NULL: out of memory. */
struct member *daemon_member_new(struct cover *cover, struct feed *feed,
                                 const char *name,
                                 const struct daemon_said *said,
                                 const struct daemon_asked *asked) MUST_CHECK;
/* Its own memory, not the watched one. */
void daemon_member_free(struct member *member);

/* The source tells of it (again); or its source is closed, and nobody does. */
void daemon_member_attach(struct member *member, struct feed *feed);
void daemon_member_detach(struct member *member);

/* What the source said of it; where memory is out, what was known stays. */
void daemon_member_note(struct member *member, const struct daemon_said *said,
                        uint64_t now_ms);
/* The same of any monitor; false: nothing has changed. */
bool daemon_watched_note(struct watched *watched, const struct facts *facts);

/* The target is what it is called now; while a step is at work, later. */
void daemon_member_sync(struct member *member);

/* --- daemon_containers.c ------------------------------------------------- */

/* A rule is asked about, once for each source. */
int daemon_containers_add_rule(struct feed *feed, struct cover *cover,
                               const struct config_monitor *config) MUST_CHECK;
/* The source of the engine of that name; NULL: there is none. */
struct containers *daemon_containers_of(const struct list *feeds,
                                        const char *url);

/* What the engine said of a member's container; where memory is out, what was
 * known stays. */
void daemon_containers_note(struct member *member,
                            const struct container *container, uint64_t now_ms);
void daemon_containers_free(struct member_container *container);
/* As in configurations, and so in keys of targets and promises: "" is the
 * default project, or none. */
const char *daemon_project_of(const struct container *container);

/* --- daemon_samples.c ---------------------------------------------------- */

/* Whose group it is of: the first server, or the exporter. */
const char *daemon_samples_url(const struct config_metric *metric);
/* It is a rule, and each series a member of it. */
bool daemon_samples_each(const struct config_monitor *config);
/*
 * daemon_samples_take() - the source of that monitor of a value
 * @feeds: one of these, or a new one, which is put there even if it fails
 *
 * Who would ask the same has the same. 0, or a negative code.
 */
int daemon_samples_take(struct daemon *daemon, struct list *feeds,
                        struct group *group,
                        const struct config_monitor *config,
                        const struct config_global *global, struct feed **feedp,
                        struct err *err) MUST_CHECK;
/* One of @watched and @cover is told of it. */
int daemon_samples_add(struct feed *feed, struct watched *watched,
                       struct cover *cover, const struct config_metric *metric,
                       struct err *err) MUST_CHECK;
/* What only such a feed has. */
void daemon_samples_free(struct feed *feed);

/* --- daemon_labels.c ----------------------------------------------------- */

/* What the container asks of that rule; nothing of one that stands in the
 * file. False, and recorded once, if its labels are wrong. On success
 * daemon_asked_drop(). */
bool daemon_labels_read(const struct feed *feed, const struct cover *cover,
                        const struct container *container,
                        struct daemon_asked *asked) MUST_CHECK;
void daemon_asked_drop(struct daemon_asked *asked);
/* The source of the pushes that are asked about; NULL: it cannot be made. */
struct feed *daemon_labels_feed(struct daemon *daemon,
                                const struct config_monitor *config) MUST_CHECK;
/* Who asks about pushes has changed: they are subscribed soon. */
void daemon_labels_changed(struct daemon *daemon);
/* Another configuration is followed: what was said may be said again. */
void daemon_labels_forget(struct daemon *daemon);

/* --- daemon_alerts.c ----------------------------------------------------- */

extern const struct feed_kind daemon_feed_alerts;

/* A rule is told of what it asks for, or -EINVAL with words. */
int daemon_alerts_add_rule(struct feed *feed, struct cover *cover,
                           const struct config_monitor *config,
                           struct err *err) MUST_CHECK;
/* As those of the gateway below; closed after all sources were. */
int daemon_alerts_plan(struct daemon *daemon,
                       const struct config_alerts *config,
                       struct err *err) MUST_CHECK;
void daemon_alerts_apply(struct daemon *daemon);
void daemon_alerts_revert(struct daemon *daemon);
/*
 * daemon_alerts_env() - what prometheus-am-executor tells a command, of the
 * alert or group that @watched is about; of one that is over what @notice says
 *
 * *textp (mem_free) is "NAME=value", each ended by a NUL, and an empty one. 0 or
 * -ENOMEM.
 */
int daemon_alerts_env(const struct watched *watched,
                      const struct notice *notice, char **textp) MUST_CHECK;
void daemon_alerts_close(struct daemon *daemon);

/* --- daemon_gateway.c ---------------------------------------------------- */

/* Makes what @config asks for, beside what there is: the store with what was
 * saved, who may push. Then one of the next two. */
int daemon_gateway_plan(struct daemon *daemon,
                        const struct config_gateway *config,
                        struct err *err) MUST_CHECK;
/* The configuration that is followed has changed: the gateway, too, or it
 * closes. */
void daemon_gateway_apply(struct daemon *daemon);
void daemon_gateway_revert(struct daemon *daemon);
/* Writes the last snapshot and closes; daemon_closed_one() for each close that
 * it counts in n_pending. */
void daemon_gateway_close(struct daemon *daemon);

/* --- daemon_registry.c ---------------------------------------------------- */

/* As those of the gateway above; on at the first configuration that asks for
 * it, off with one that does not. */
#if BOUNCER_REGISTRY
int daemon_registry_plan(struct daemon *daemon,
                         const struct config_registry *config,
                         struct err *err) MUST_CHECK;
void daemon_registry_apply(struct daemon *daemon);
void daemon_registry_revert(struct daemon *daemon);
void daemon_registry_close(struct daemon *daemon);
#else
static inline int daemon_registry_plan(struct daemon *daemon,
                                       const struct config_registry *config,
                                       struct err *err)
{
	(void)daemon;
	(void)config;
	(void)err;
	return 0;
}

static inline void daemon_registry_apply(struct daemon *daemon)
{
	(void)daemon;
}

static inline void daemon_registry_revert(struct daemon *daemon)
{
	(void)daemon;
}

static inline void daemon_registry_close(struct daemon *daemon)
{
	(void)daemon;
}
#endif

/* --- daemon_runtime.c ---------------------------------------------------- */

/* The runtime for targets of a type at an endpoint (NULL: as @global says);
 * NULL if it cannot be used, which is logged. */
struct runtime *daemon_runtime(struct daemon *daemon,
                               const struct config_global *global,
                               enum config_target_type type,
                               const char *endpoint);
/* Its name in promises and keys of targets: "docker", or "docker tcp://…" if
 * the endpoint is not the one of @global. Into @name; 0 or a failure of the
 * buffer. */
int daemon_runtime_name(const struct config_global *global,
                        enum config_target_type type, const char *endpoint,
                        struct buf *name);
/* The runtime of such a name, of what is followed; NULL: as above. */
struct runtime *daemon_runtime_called(struct daemon *daemon, const char *name);
/* daemon_closed_one() for each close that it counts in n_pending. */
void daemon_runtime_close_all(struct daemon *daemon);

/* --- daemon_act.c -------------------------------------------------------- */

void daemon_act_init(struct daemon *daemon);
/* Ends the steps for which there was no memory. */
void daemon_act_starved(struct daemon *daemon);
/* Cancels all that has not begun; @ordered: also what a person ordered. */
void daemon_act_cancel(struct daemon *daemon, bool ordered);

/* --- daemon_dependents.c ------------------------------------------------- */

/* A step of a member has ended so: if it was a restart, and its rule wants it,
 * those that depend on the container are restarted after it. If it failed
 * because the container must be made anew, the journal says so. */
void daemon_dependents_begin(struct watched *watched,
                             const struct bounce *done);
/* Begins nothing more, and cancels what can be. */
void daemon_dependents_cancel(struct daemon *daemon);

/* --- daemon_notice.c ----------------------------------------------------- */

/* The supervisor's: tells those notifications that want to hear of it. */
void daemon_notice(void *context, struct monitor *monitor,
                   enum notice_event event);
/* What it is called, and of a series or an alert what it says; the rest is
 * empty. */
void daemon_notice_name(struct notice *notice, const struct watched *watched);
/* The facts as they are now; text is borrowed from all that they are about. */
void daemon_notice_of(struct notice *notice, const struct watched *watched,
                      enum notice_event event);
/* Copies the text. 0 or UV_ENOMEM. */
int daemon_notice_keep(struct daemon_notice *kept) MUST_CHECK;
/* After client, bouncer and API; 0 or UV_ENOMEM. */
int daemon_notice_open(struct daemon *daemon, uint64_t seed) MUST_CHECK;
/* Gives what is not delivered a little time; daemon_closed_one() when it is
 * done, counted in n_pending. */
void daemon_notice_close(struct daemon *daemon);

/* --- daemon_state.c ------------------------------------------------------ */

int daemon_state_init(struct daemon *daemon) MUST_CHECK;
/* Reads what was saved and opens the file for writing; what is wrong with it
 * is reported and not fatal. Negative, with words, if another daemon has
 * the directory, or for no memory. */
int daemon_state_open(struct daemon *daemon, struct err *err) MUST_CHECK;
/* Brings back what the last run left stopped; when runtimes are there. */
void daemon_state_restore_promises(struct daemon *daemon);
/* Writes soon, if anything changed; at once if somebody waits. */
void daemon_state_save(struct daemon *daemon, struct promise_wait *wait);
/* Writes what is left to write and closes; daemon_closed_one() for each close
 * that it counts in n_pending. */
void daemon_state_close(struct daemon *daemon);

/* --- daemon_begun.c ------------------------------------------------------ */

/* Reads the record into what was saved; without it if that fails. 0, or
 * -ENOMEM. */
int daemon_begun_open(struct daemon *daemon) MUST_CHECK;
/* Something of the last run is in it that the state file does not say. */
bool daemon_begun_left(const struct daemon *daemon);
/* As daemon_state_save(), as soon as our own death cannot undo it: of a wait
 * that says what began. */
void daemon_begun_save(struct daemon *daemon, struct promise_wait *wait);
/* The state file with so many lines in it is on disk. */
void daemon_begun_known(struct daemon *daemon, uint64_t n_begun);
/* daemon_closed_one() if counted in n_pending. */
void daemon_begun_close(struct daemon *daemon);

/* --- daemon_leader.c ------------------------------------------------------ */

/* Begins to ask for the lease, if one is configured: once, at the start. 0, or
 * negative with words. */
int daemon_leader_open(struct daemon *daemon, const struct config *config,
                       struct err *err) MUST_CHECK;
void daemon_leader_close(struct daemon *daemon);
/* What a reload cannot follow. */
bool daemon_leader_changes(const struct config_leader *a,
                           const struct config_leader *b);
/* Grows whenever another leads; 0: nobody is asked. */
uint64_t daemon_leader_epoch(const struct daemon *daemon);

/* --- daemon_notify.c ----------------------------------------------------- */

/* 0, or a negative code for no memory; a service manager that cannot be told
 * is logged. */
int daemon_notify_open(struct daemon *daemon) MUST_CHECK;
/* Started, or reloaded with whatever result. */
void daemon_notify_ready(struct daemon *daemon);
void daemon_notify_reloading(struct daemon *daemon);
void daemon_notify_stopping(struct daemon *daemon);
/* The status line may have changed: it is sent soon, if it has. */
void daemon_notify_changed(struct daemon *daemon);
/* daemon_closed_one() for each close that it counts in n_pending. */
void daemon_notify_close(struct daemon *daemon);
