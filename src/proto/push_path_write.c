/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/push_path_write.h"

#include <errno.h>
#include "base/base64.h"
#include "base/text.h"

#define NAME_SHOWN 64 /* bytes of a name in a message */

static bool is_label_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != '_' && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.n > 0;
}

static int check_labels(const struct label *labels, size_t n_labels,
                        struct err *err)
{
	for (size_t i = 0; i < n_labels; i++) {
		struct slice name = labels[i].name;
		int shown = (int)MIN(name.n, NAME_SHOWN);

		if (!is_label_name(name))
			return err_set(err, -EINVAL,
			               "%.*s is no name of a label: letters, "
			               "digits and _, no digit first",
			               shown, name.p);
		if (slice_is(name, "job"))
			return err_set(err, -EINVAL,
			               "the job is not given as a label");
		for (size_t k = 0; k < i; k++) {
			if (slice_equal(labels[k].name, name))
				return err_set(err, -EINVAL,
				               "the label %.*s is given twice",
				               shown, name.p);
		}
	}
	return 0;
}

static bool needs_base64(struct slice value)
{
	return value.n == 0 || memchr(value.p, '/', value.n) ||
	       slice_is(value, ".") || slice_is(value, "..");
}

/* The URL-safe alphabet, without padding but for the empty value. */
static void write_base64(struct buf *path, struct slice value)
{
	size_t begin = path->n;

	if (value.n == 0) {
		(void)buf_putc(path, '=');
		return;
	}
	if (base64_encode(path, value) < 0)
		return;
	for (size_t i = begin; i < path->n; i++) {
		if (path->p[i] == '+')
			path->p[i] = '-';
		else if (path->p[i] == '/')
			path->p[i] = '_';
	}
	while (path->p[path->n - 1] == '=')
		path->p[--path->n] = '\0';
}

static void write_part(struct buf *path, struct slice name, struct slice value,
                       bool base64)
{
	(void)buf_putc(path, '/');
	(void)buf_append(path, name.p, name.n);
	(void)buf_puts(path, base64 ? "@base64/" : "/");
	if (base64)
		write_base64(path, value);
	else
		text_escape_url(path, value);
}

static void write_labels(struct buf *path, const struct label *labels,
                         size_t n_labels)
{
	for (size_t i = 0; i < n_labels; i++)
		write_part(path, labels[i].name, labels[i].value,
		           needs_base64(labels[i].value));
}

static int no_job(struct err *err)
{
	return err_set(err, -EINVAL, "the job has no name");
}

int push_path_write(struct buf *path, struct slice job,
                    const struct label *labels, size_t n_labels,
                    struct err *err)
{
	if (job.n == 0)
		return no_job(err);
	if (check_labels(labels, n_labels, err) < 0)
		return -EINVAL;
	write_part(path, slice_from("job"), job, needs_base64(job));
	write_labels(path, labels, n_labels);
	return path->failed;
}

/* As the first part of a path a reader may take it for something else. */
static bool is_taken_otherwise(struct slice job)
{
	bool digits = true;

	for (size_t i = 0; i < job.n; i++)
		digits = digits && job.p[i] >= '0' && job.p[i] <= '9';
	return digits || needs_base64(job) || slice_is(job, "start") ||
	       slice_is(job, "fail") || slice_is(job, "job") ||
	       slice_is(job, "job@base64");
}

int ping_path_write(struct buf *path, struct slice job,
                    const struct label *labels, size_t n_labels,
                    const char *end, struct err *err)
{
	if (job.n == 0)
		return no_job(err);
	if (check_labels(labels, n_labels, err) < 0)
		return -EINVAL;
	if (is_taken_otherwise(job)) {
		write_part(path, slice_from("job"), job, true);
	} else {
		(void)buf_putc(path, '/');
		text_escape_url(path, job);
	}
	write_labels(path, labels, n_labels);
	if (end) {
		(void)buf_putc(path, '/');
		(void)buf_puts(path, end);
	}
	return path->failed;
}

int push_label_parse(struct slice text, struct label *label, struct err *err)
{
	const char *equals = memchr(text.p, '=', text.n);

	if (!equals)
		return err_set(err, -EINVAL,
		               "%.*s is no label; write it as name=value",
		               (int)MIN(text.n, NAME_SHOWN), text.p);
	label->name = slice_make(text.p, (size_t)(equals - text.p));
	label->value = slice_skip(text, label->name.n + 1);
	return 0;
}
