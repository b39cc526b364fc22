/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of several of us one acts: who holds the lease. The others observe as it
 * does, so that whoever takes over knows what is bad and for how long; only
 * their bounces are held.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/text.h"

#define ACCOUNT_DIR_VARIABLE "KUBERNETES_SERVICEACCOUNT_DIR"

static void record(struct daemon *daemon, enum log_level level,
                   const char *what, const char *detail)
{
	supervisor_record(&daemon->supervisor, level, JOURNAL_DAEMON, "", what,
	                  detail, daemon_now(daemon));
}

/* --- what the rest of us asks ---------------------------------------------- */

static const char *standby(void *context)
{
	struct daemon *daemon = context;
	struct daemon_leader *leader = &daemon->leader;
	const char *holder;

	if (!leader->enabled || leader->alone)
		return NULL;
	if (!leader->lease)
		return leader->ended ? "our lease was given free"
		                     : "leader.required, and no cluster";
	if (kubernetes_lease_leads(leader->lease))
		return NULL;
	holder = kubernetes_lease_holder(leader->lease);
	if (!holder[0] || strcmp(holder, leader->identity) == 0)
		return "nobody holds the lease yet";
	(void)snprintf(leader->words, sizeof(leader->words), "%s leads",
	               holder);
	return leader->words;
}

static bool tell(void *context, struct api_leader *out)
{
	struct daemon *daemon = context;
	const struct daemon_leader *leader = &daemon->leader;

	if (!leader->enabled)
		return false;
	*out = (struct api_leader){
		.leads = standby(daemon) == NULL,
		.identity = leader->identity,
		.holder = "",
		.trouble = leader->alone ? "in no cluster, so nobody is asked"
		                         : "",
	};
	if (!leader->lease) {
		if (!leader->alone)
			out->trouble = standby(daemon);
		return true;
	}
	out->holder = kubernetes_lease_holder(leader->lease);
	out->trouble = kubernetes_lease_trouble(leader->lease);
	out->epoch = kubernetes_lease_epoch(leader->lease);
	return true;
}

uint64_t daemon_leader_epoch(const struct daemon *daemon)
{
	const struct daemon_leader *leader = &daemon->leader;

	return leader->lease ? kubernetes_lease_epoch(leader->lease) : 0;
}

/* --- changes ---------------------------------------------------------------- */

static void tell_leading(struct daemon *daemon, bool leads)
{
	struct daemon_leader *leader = &daemon->leader;
	char text[64];

	if (leads) {
		(void)snprintf(text, sizeof(text), "epoch=%" PRIu64,
		               kubernetes_lease_epoch(leader->lease));
		record(daemon, LOG_LEVEL_INFO, "we lead", text);
		supervisor_may_act(&daemon->supervisor, daemon_now(daemon));
	} else {
		record(daemon, LOG_LEVEL_WARN, "we do not lead any more",
		       kubernetes_lease_trouble(leader->lease));
		daemon_act_cancel(daemon, false);
	}
}

static void on_changed(void *context)
{
	struct daemon *daemon = context;
	struct daemon_leader *leader = &daemon->leader;
	const char *holder = kubernetes_lease_holder(leader->lease);
	const char *trouble = kubernetes_lease_trouble(leader->lease);
	bool leads = kubernetes_lease_leads(leader->lease);

	if (trouble[0] && strcmp(trouble, leader->told_trouble) != 0)
		log_warn(daemon->log, "the lease cannot be had",
		         LOG_STR("reason", trouble));
	(void)snprintf(leader->told_trouble, sizeof(leader->told_trouble), "%s",
	               trouble);
	if (holder[0] && strcmp(holder, leader->told_holder) != 0 &&
	    strcmp(holder, leader->identity) != 0)
		record(daemon, LOG_LEVEL_INFO, "another leads", holder);
	(void)snprintf(leader->told_holder, sizeof(leader->told_holder), "%s",
	               holder);
	if (leads != leader->told_leads) {
		leader->told_leads = leads;
		tell_leading(daemon, leads);
	}
	daemon_arm(daemon);
}

/* --- open and close --------------------------------------------------------- */

/* Nobody else's: another process of this host, and our own next run, must not
 * believe that they hold what we do. */
static void make_identity(struct daemon *daemon, const char *configured)
{
	struct daemon_leader *leader = &daemon->leader;
	char host[UV_MAXHOSTNAMESIZE] = "bouncer";
	size_t size = sizeof(host);
	uint32_t nonce = (uint32_t)getpid();

	(void)uv_os_gethostname(host, &size);
	(void)uv_random(NULL, NULL, &nonce, sizeof(nonce), 0, NULL);
	(void)snprintf(leader->identity, sizeof(leader->identity),
	               "%.200s_%08" PRIx32, configured ? configured : host,
	               nonce);
}

int daemon_leader_open(struct daemon *daemon, const struct config *config,
                       struct err *err)
{
	const struct config_leader *wanted = &config->leader;
	struct daemon_leader *leader = &daemon->leader;
	struct kubernetes_lease_options options = {
		.loop = &daemon->loop,
		.client = daemon->client,
		.log = daemon->log,
		.host = getenv("KUBERNETES_SERVICE_HOST"),
		.port = getenv("KUBERNETES_SERVICE_PORT"),
		.account_dir = getenv(ACCOUNT_DIR_VARIABLE),
		.name = wanted->kubernetes_lease,
		.namespace_ = wanted->namespace_,
		.identity = leader->identity,
		.lease_ms = wanted->lease_ms,
		.renew_ms = wanted->renew_ms,
		.retry_ms = wanted->retry_ms,
		.changed = on_changed,
		.context = daemon,
	};
	int r;

	daemon->supervisor_ops.standby = standby;
	daemon->bouncer.standby = standby;
	daemon->bouncer.standby_context = daemon;
	daemon->api_ops.leader = tell;
	if (!wanted->enabled)
		return 0;
	make_identity(daemon, wanted->identity);
	(void)uv_random(NULL, NULL, &options.seed, sizeof(options.seed), 0,
	                NULL);
	leader->enabled = true;
	r = kubernetes_lease_new(&options, &leader->lease, err);
	if (r != -ENOENT) {
		if (r < 0)
			err_wrap(err, "leader");
		return r;
	}
	leader->alone = !wanted->required;
	if (leader->alone)
		record(daemon, LOG_LEVEL_WARN,
		       "no cluster: we act, as if nobody else were there",
		       err->message);
	else
		record(daemon, LOG_LEVEL_ERROR,
		       "no cluster, and leader.required: nothing is bounced",
		       err->message);
	err_clear(err);
	return 0;
}

void daemon_leader_close(struct daemon *daemon)
{
	struct daemon_leader *leader = &daemon->leader;
	struct kubernetes_lease_source *lease = leader->lease;

	if (!lease)
		return;
	leader->ended = true;
	leader->lease = NULL;
	daemon->n_pending++;
	kubernetes_lease_close(lease, daemon_closed_one, daemon);
}

bool daemon_leader_changes(const struct config_leader *a,
                           const struct config_leader *b)
{
	return a->enabled != b->enabled ||
	       !text_equal(a->kubernetes_lease, b->kubernetes_lease) ||
	       !text_equal(a->namespace_, b->namespace_) ||
	       !text_equal(a->identity, b->identity) ||
	       a->lease_ms != b->lease_ms || a->renew_ms != b->renew_ms ||
	       a->retry_ms != b->retry_ms || a->required != b->required;
}
