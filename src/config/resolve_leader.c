/* SPDX-License-Identifier: Apache-2.0 */
/* The section `leader`: of several daemons one acts. */
#include "config/resolve.h"

#include "base/text.h"

#define SECOND_MS     UINT64_C(1000)
#define IDENTITY_MAX  253
#define NAME_MAX_KUBE 253
#define JITTER        1.2 /* of retry_period: client-go's */

static const struct config_leader defaults = {
	.lease_ms = 15 * SECOND_MS,
	.renew_ms = 10 * SECOND_MS,
	.retry_ms = 2 * SECOND_MS,
};

/* RFC 1123, as Kubernetes names its objects; @max: 63 of a namespace. */
static bool read_kube_name(const struct reader *reader, const char *key,
                           const char *text, size_t max, bool dots)
{
	struct slice name = slice_from(text);
	bool good = name.n > 0 && name.n <= max;

	if (!text)
		return false;
	for (size_t i = 0; good && i < name.n; i++) {
		char c = name.p[i];
		bool edge = i == 0 || i + 1 == name.n;

		good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		       (!edge && (c == '-' || (c == '.' && dots)));
	}
	if (!good)
		reader_value(reader, key, text,
		             "is not a name of Kubernetes; it is made of a-z, "
		             "0-9%s and -, and has %zu characters at most",
		             dots ? ", ." : "", max);
	return good;
}

/* A holder must notice that it lost the lease before another may take it. */
static void check_times(const struct reader *reader,
                        const struct config_leader *leader)
{
	if (leader->lease_ms % SECOND_MS)
		reader_problem(reader, "lease_duration",
		               "is not a number of whole seconds, as a Lease "
		               "has it");
	if (leader->renew_ms >= leader->lease_ms)
		reader_problem(reader, "renew_deadline",
		               "is not shorter than lease_duration; two could "
		               "act at once");
	if ((double)leader->retry_ms * JITTER >= (double)leader->renew_ms)
		reader_problem(reader, "retry_period",
		               "is too long for renew_deadline, which must be "
		               "more than 1.2 times as long");
}

static void read_times(const struct reader *reader,
                       const struct raw_leader *raw,
                       struct config_leader *leader)
{
	(void)read_duration(reader, "lease_duration", raw->lease_duration,
	                    SECOND_MS, &leader->lease_ms);
	(void)read_duration(reader, "renew_deadline", raw->renew_deadline, 1,
	                    &leader->renew_ms);
	(void)read_duration(reader, "retry_period", raw->retry_period, 1,
	                    &leader->retry_ms);
	check_times(reader, leader);
}

void resolve_leader(struct resolve *resolve, const struct raw_leader *raw)
{
	struct config_leader *leader = &resolve->leader;
	struct place place = { .up = &resolve->root, .key = "leader" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };
	struct slice identity = slice_from(raw->identity);

	*leader = defaults;
	if (!place_find(&place) || place_left_out(&place))
		return;
	leader->enabled = true;
	if (read_required(&reader, "kubernetes_lease", raw->kubernetes_lease) &&
	    read_kube_name(&reader, "kubernetes_lease", raw->kubernetes_lease,
	                   NAME_MAX_KUBE, true))
		leader->kubernetes_lease =
			resolve_text(resolve, raw->kubernetes_lease);
	if (read_kube_name(&reader, "namespace", raw->namespace_, 63, false))
		leader->namespace_ = resolve_text(resolve, raw->namespace_);
	if (raw->identity && (identity.n == 0 || identity.n > IDENTITY_MAX ||
	                      !text_is_printable(identity)))
		reader_value(&reader, "identity", raw->identity,
		             "is not a name of 1 to %d bytes", IDENTITY_MAX);
	leader->identity = resolve_text(resolve, raw->identity);
	(void)read_bool(&reader, "required", raw->required, &leader->required);
	read_times(&reader, raw, leader);
}
