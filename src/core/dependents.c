/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dependents.h"

#include <string.h>
#include "base/slice.h"
#include "base/text.h"

/* What one search works with. */
struct search {
	const struct container *const *containers;
	size_t n_containers;
	const char *label;
	struct dependent *found; /* in the order in which they were */
	size_t n_found;
	size_t max;
};

static struct slice label_of(const struct container *container,
                             const char *name)
{
	return slice_from(container_label(container, name));
}

/* --- who depends on whom ------------------------------------------------------ */

static bool is_named(const char *reference, const struct container *container)
{
	return reference && (strcmp(reference, container->id) == 0 ||
	                     strcmp(reference, container->name) == 0);
}

static bool shares_namespace(const struct container *container,
                             const struct container *parent)
{
	return is_named(container->network_of, parent) ||
	       is_named(container->pid_of, parent) ||
	       is_named(container->ipc_of, parent);
}

static bool same_project(const struct container *a, const struct container *b)
{
	return slice_equal(label_of(a, CONTAINER_COMPOSE_PROJECT),
	                   label_of(b, CONTAINER_COMPOSE_PROJECT));
}

/* "db:service_healthy:true,other:service_started:false"; the third field is
 * whether it wants to be restarted. Without it ("db,other", as compose wrote
 * it at first) it does not. */
static bool compose_restarts(struct slice depends, struct slice service,
                             bool *mentionedp)
{
	struct slice one, name, condition, restart;

	while (slice_next(&depends, ',', &one)) {
		one = slice_trim(one);
		if (!slice_next(&one, ':', &name) ||
		    !slice_equal(name, service))
			continue;
		*mentionedp = true;
		return slice_next(&one, ':', &condition) &&
		       slice_next(&one, ':', &restart) &&
		       slice_is_nocase(restart, "true");
	}
	return false;
}

static bool depends_in_compose(const struct container *container,
                               const struct container *parent, bool *mentionedp)
{
	struct slice service = label_of(parent, CONTAINER_COMPOSE_SERVICE);

	return service.n && label_of(container, CONTAINER_COMPOSE_PROJECT).n &&
	       same_project(container, parent) &&
	       compose_restarts(label_of(container, CONTAINER_COMPOSE_DEPENDS),
	                        service, mentionedp);
}

static bool depends_by_label(const struct search *search,
                             const struct container *container,
                             const struct container *parent)
{
	struct slice names = search->label ? label_of(container, search->label)
	                                   : slice_make("", 0);
	struct slice name;

	while (slice_next(&names, ',', &name)) {
		if (parent->name[0] && slice_is(slice_trim(name), parent->name))
			return true;
	}
	return false;
}

const char *dependents_gone(const struct container *const *containers,
                            size_t n_containers,
                            const struct container *container)
{
	const char *const references[] = { container->network_of,
		                           container->pid_of,
		                           container->ipc_of };

	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		bool there = !references[i];

		for (size_t j = 0; j < n_containers && !there; j++)
			there = is_named(references[i], containers[j]);
		if (!there)
			return references[i];
	}
	return NULL;
}

/* A namespace of somebody who is not there any more. */
static bool is_orphan(const struct search *search,
                      const struct container *container)
{
	return dependents_gone(search->containers, search->n_containers,
	                       container) != NULL;
}

/* Does it, and why? */
static bool depends(const struct search *search,
                    const struct container *container,
                    const struct container *parent,
                    enum dependents_reason *reasonp)
{
	bool mentioned = false;

	if (shares_namespace(container, parent))
		*reasonp = DEPENDENTS_NAMESPACE;
	else if (depends_in_compose(container, parent, &mentioned))
		*reasonp = DEPENDENTS_COMPOSE;
	else if (depends_by_label(search, container, parent))
		*reasonp = DEPENDENTS_LABEL;
	else if (!mentioned)
		return false;
	else
		*reasonp = DEPENDENTS_RECREATE; /* only if it is an orphan */
	return true;
}

/* --- who is found ------------------------------------------------------------- */

static bool is_found(const struct search *search,
                     const struct container *container)
{
	for (size_t i = 0; i < search->n_found; i++) {
		if (search->found[i].container == container)
			return true;
	}
	return false;
}

static void find(struct search *search, const struct container *container,
                 const struct container *parent, uint32_t depth)
{
	enum dependents_reason reason;
	bool orphan;

	if (search->n_found == search->max || container->opted_out ||
	    !depends(search, container, parent, &reason))
		return;
	orphan = is_orphan(search, container);
	if (orphan)
		reason = DEPENDENTS_RECREATE;
	else if (reason == DEPENDENTS_RECREATE ||
	         container->status != CONTAINER_RUNNING)
		return;
	if (!is_found(search, container))
		search->found[search->n_found++] =
			(struct dependent){ container, reason, depth };
}

/* Those that depend on @root, those that depend on these, … */
static void find_all(struct search *search, const struct container *root)
{
	const struct container *parent = root;
	uint32_t depth = 1;

	for (size_t done = 0;; done++) {
		for (size_t i = 0; i < search->n_containers; i++) {
			if (search->containers[i] != root)
				find(search, search->containers[i], parent,
				     depth);
		}
		/* nobody is restarted with an orphan */
		while (done < search->n_found &&
		       search->found[done].reason == DEPENDENTS_RECREATE)
			done++;
		if (done >= search->n_found)
			return;
		parent = search->found[done].container;
		depth = search->found[done].depth + 1;
	}
}

/* --- in which order ----------------------------------------------------------- */

/* Does the one that was found as @a wait for @b, which has no place yet? */
static bool waits_for(const struct search *search, const struct dependent *a,
                      const struct dependent *b)
{
	enum dependents_reason reason;

	return a != b && b->reason != DEPENDENTS_RECREATE &&
	       depends(search, a->container, b->container, &reason) &&
	       reason != DEPENDENTS_RECREATE;
}

static bool is_free(const struct search *search, size_t at, size_t from)
{
	for (size_t i = from; i < search->n_found; i++) {
		if (waits_for(search, &search->found[at], &search->found[i]))
			return false;
	}
	return true;
}

/* One deeper than the deepest of those before it that it waits for. */
static uint32_t depth_of(const struct search *search,
                         const struct dependent *one, size_t n_placed)
{
	uint32_t depth = 1;

	for (size_t i = 0; i < n_placed; i++) {
		const struct dependent *before = &search->found[i];

		if (waits_for(search, one, before))
			depth = MAX(depth, before->depth + 1);
	}
	return depth;
}

/* Puts after all those that it waits for; in a circle who was found first goes
 * first. */
static void order(struct search *search)
{
	for (size_t n = 0; n < search->n_found; n++) {
		size_t at = n;
		struct dependent one;

		while (at < search->n_found && !is_free(search, at, n))
			at++;
		if (at == search->n_found)
			at = n;
		one = search->found[at];
		memmove(&search->found[n + 1], &search->found[n],
		        (at - n) * sizeof(one));
		search->found[n] = one;
		search->found[n].depth = depth_of(search, &one, n);
	}
}

/* By depth; those of one depth stay in their order. */
static void sort(struct search *search)
{
	for (size_t i = 1; i < search->n_found; i++) {
		struct dependent one = search->found[i];
		size_t at = i;

		while (at > 0 && search->found[at - 1].depth > one.depth) {
			search->found[at] = search->found[at - 1];
			at--;
		}
		search->found[at] = one;
	}
}

static const struct container *find_root(const struct search *search,
                                         const char *id, const char *name)
{
	const struct container *named = NULL;

	for (size_t i = 0; i < search->n_containers; i++) {
		const struct container *container = search->containers[i];

		if (id && strcmp(container->id, id) == 0)
			return container;
		if (name && name[0] && strcmp(container->name, name) == 0)
			named = container;
	}
	return named;
}

size_t dependents_of(const struct container *const *containers,
                     size_t n_containers, const char *id, const char *name,
                     const char *label, struct dependent *out, size_t max)
{
	struct search search = {
		.containers = containers,
		.n_containers = n_containers,
		.label = label,
		.found = out,
		.max = MIN(max, DEPENDENTS_MAX),
	};
	const struct container *root = find_root(&search, id, name);

	if (!root)
		return 0;
	find_all(&search, root);
	order(&search);
	sort(&search);
	return search.n_found;
}
