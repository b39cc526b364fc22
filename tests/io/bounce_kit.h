/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce_kit: a bouncer over a runtime whose answers the test writes down.
 * Every operation is answered from the loop.
 */
#pragma once

#include "action/bounce.h"
#include "support/loop.h"

#define N_TARGETS 40

/* What a target is, and what becomes of it. */
struct fake_target {
	char name[16];
	struct runtime_target state;
	enum runtime_result restart_result;
	enum runtime_status after_restart;
	unsigned n_restarts;
	unsigned n_starts;
	unsigned n_execs;
	unsigned n_inspects;
	unsigned n_removes;
	int64_t finished_wall_ms;
	bool auto_remove;
};

struct fake {
	struct runtime runtime;
	uv_loop_t *loop;
	struct fake_target targets[N_TARGETS];
	size_t n_targets;
	unsigned n_running; /* operations under way */
	unsigned n_running_max;
	bool hang; /* answer nothing until cancelled */
	bool exec_ok;
	bool gone; /* removed, or recreated, while the command ran */
	bool volumes;
	char last_env[1024];
};

struct job {
	struct bounce bounce;
	bool done;
};

struct world {
	struct test_loop loop;
	struct fake fake;
	struct bouncer bouncer;
	struct promises *promises;
	struct promises_ops ops;
	struct list waits; /* not yet durable */
	uv_timer_t disk;
	unsigned n_saves;
	bool slow_disk; /* nothing becomes durable by itself */
	bool reported_kept;
	bool reported;
	bool bouncer_closed;
	bool promises_closed;
	bool disk_closed;
};

extern const struct step restart_step;
extern const struct step exec_step;

void world_init(struct world *world, uint32_t max_parallel);
void world_fini(struct world *world);
/* Of a bool, for what only says that it is over. */
void set_flag(void *context);
/* What was to be saved, is. */
void on_disk(uv_timer_t *timer);
struct fake_target *add_target(struct world *world, const char *name,
                               enum runtime_status status);
void on_job_done(struct bounce *bounce);
void start(struct world *world, struct job *job, const struct step *step,
           const char *target);
/* As start(), until it is done. */
void run(struct world *world, struct job *job, const struct step *step,
         const char *target);
/* As run(), of a job that the test has prepared; of "web". */
void run_prepared(struct world *world, struct job *job);
