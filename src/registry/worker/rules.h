/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: a file of rules, and a Prometheus that must have read it. What it
 * refuses is taken back.
 *
 *   IDLE ── others come ──▶ WRITING ──▶ RELOADING ── done ──▶ IDLE: good
 *    ▲ ▲                                  │   │
 *    │ └── not reached: again, later ─────┘   │ refused
 *    │                                        ▼
 *    └── bad ◀── RELOADING_BACK ◀──────── WRITING_BACK
 *
 * Good rules are kept in PATH.good, too, so that a worker that was killed knows
 * them. Bad ones are tried again when they have changed, or after
 * RULES_RETRY_MS. If it also refuses the good ones something else is wrong with
 * its configuration; they stay.
 */
#pragma once

#include "base/log.h"
#include "base/rng.h"
#include "registry/worker/kept_file.h"
#include "registry/worker/reload.h"

#define RULES_RETRY_MS 300000
#define RULES_BASE_MS  500 /* before a reload is tried again */
#define RULES_MAX_MS   30000
#define RULES_LOOK_MS  60000 /* how often Prometheus is asked how it is */

enum rules_state {
	RULES_IDLE,
	RULES_WRITING,
	RULES_LOOKING, /* what we would write is there: is it loaded? */
	RULES_RELOADING,
	RULES_WRITING_BACK,
	RULES_RELOADING_BACK,
};

struct rules {
	/* set by the caller; zero the rest */
	const struct log *log;
	struct rng *rng;
	struct link *prometheus;
	uint64_t retry_ms; /* 0: RULES_RETRY_MS */
	bool once;         /* nothing is tried again */
	/* What rules_put() began has ended; file_err is about the file. */
	void (*done)(void *context, const struct err *file_err);
	/* What is told of the state became different. */
	void (*changed)(void *context);
	/* It is time to try bad ones again. */
	void (*again)(void *context);
	void *context;

	/* to be read */
	enum rules_state state;
	enum reload_loaded loaded;
	struct err err;  /* why Prometheus does not have them; code 0: it has */
	bool due;        /* a reload is to be tried again */
	bool taken_back; /* the good ones are in the file, not those that came */
	uint64_t n_reloads;

	/* private below */
	struct kept_file file;
	struct kept_file good_file;
	struct reload reload;
	struct life_timer timer; /* the next reload, or look */
	struct life_timer retry; /* of bad ones */
	struct backoff backoff;
	struct buf good;    /* "groups: []" if nothing better is known */
	bool good_is_newer; /* than what is being written to its file */
	struct buf trying;
	struct buf next; /* came while another was on its way */
	bool has_next;
	bool offered; /* rules_put() waits for its end */
	bool has_bad;
	uint8_t bad[SHA256_SIZE];
};

/* Reads what is there; blocks. 0, -ENOMEM, or negative with words. */
int rules_open(struct rules *rules, uv_loop_t *loop, const char *path, int mode,
               struct err *err) MUST_CHECK;
/* Takes the memory of @content. Once at a time: until done(), which may come
 * before this returns. */
void rules_put(struct rules *rules, struct buf *content);
/* Reloads if that is due, else looks how Prometheus is; when it is idle. */
void rules_look(struct rules *rules);
void rules_close(struct rules *rules);
void rules_fini(struct rules *rules); /* when its life has ended */
