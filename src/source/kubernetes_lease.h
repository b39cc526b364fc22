/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubernetes_lease: core/lease.h over a Lease of the Kubernetes API.
 * https://kubernetes.io/docs/concepts/architecture/leases/
 * https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 *
 * Where the API is, and who we are, is said as to every pod: the environment
 * (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT), and three files of the
 * service account. It needs the verbs get, create and update on leases. The
 * token changes while we run: it is read again each minute, and after a 401.
 *
 * What we hold runs out by the clock that goes on while the machine sleeps,
 * whether or not the API answers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"

#define KUBERNETES_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define KUBERNETES_TOKEN_MS    60000 /* its file is read again */
#define KUBERNETES_REFUSED_MS  10000 /* between two tries after a 403 */

struct http_client;
struct kubernetes_lease_source;

struct kubernetes_lease_options {
	uv_loop_t *loop;
	struct http_client *client; /* borrowed until closed */
	const struct log *log;      /* borrowed until closed; may be NULL */
	const char *host;           /* a name or an address; NULL: no cluster */
	const char *port;           /* NULL: 443 */
	const char *account_dir; /* token, ca.crt, namespace; NULL: as above */
	const char *name;        /* of the Lease */
	const char *namespace_;  /* NULL: of the account's file */
	const char *identity;    /* nobody else's, not even our last run's */
	uint64_t lease_ms;
	uint64_t renew_ms;
	uint64_t retry_ms;
	uint64_t seed;
	/* Who leads has changed, us or another, or why nobody knows. From the
	 * loop; may close. */
	void (*changed)(void *context);
	void *context;
};

/* Copies the options; the first try is made from the loop. 0; -ENOENT if we are
 * in no cluster (with words); -EINVAL; -ENOMEM. */
int kubernetes_lease_new(const struct kubernetes_lease_options *options,
                         struct kubernetes_lease_source **sourcep,
                         struct err *err) MUST_CHECK;

/* May we act, at this moment? */
bool kubernetes_lease_leads(const struct kubernetes_lease_source *source);

/* Of our last leadership: grows with each new leader; 0: we never led. */
uint64_t kubernetes_lease_epoch(const struct kubernetes_lease_source *source);

/* Who holds it, as far as known: "" for nobody. Borrowed until the next
 * change. */
const char *kubernetes_lease_holder(
	const struct kubernetes_lease_source *source);

/* Why the API did not do what it was last asked; "" if it did. */
const char *kubernetes_lease_trouble(
	const struct kubernetes_lease_source *source);

/* Nobody acts any more: gives the Lease free, as far as the API answers in time
 * (a third of renew_ms for each of two tries at most), and ends. `changed` is
 * not called any more; @closed is, once, from the loop. */
void kubernetes_lease_close(struct kubernetes_lease_source *source,
                            void (*closed)(void *context), void *context);
