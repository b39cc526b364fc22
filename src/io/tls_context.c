/* SPDX-License-Identifier: Apache-2.0 */
/* tls: authorities, our certificate and its key, from their files. */
#include "io/tls_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/text.h"
#include "io/atomic_file.h"

#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

/* As OpenSSL and Go look for them; Debian's comes first. */
static const char *const system_places[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static const char *system_authorities(void)
{
	const char *named = getenv("SSL_CERT_FILE");

	if (named && named[0])
		return named;
	for (size_t i = 0; i < ARRAY_SIZE(system_places); i++)
		if (access(system_places[i], R_OK) == 0)
			return system_places[i];
	return NULL;
}

/* --- have they changed? -------------------------------------------------- */

static void identify(const char *path, struct stat *identity)
{
	if (stat(path, identity) < 0)
		memset(identity, 0, sizeof(*identity));
}

static bool is_unchanged(const struct tls_source *file)
{
	const struct stat *then = &file->identity;
	struct stat now;

	if (!file->path)
		return true;
	identify(file->path, &now);
	return now.st_ino == then->st_ino && now.st_dev == then->st_dev &&
	       now.st_size == then->st_size &&
	       now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

static bool is_named(const struct tls_source *file, const char *path)
{
	return text_equal(file->path, path);
}

bool tls_context_serves(const struct tls_context *context,
                        const struct tls_options *options)
{
	const struct tls_source *files = context->files;
	const char *ca = options->ca ? options->ca : system_authorities();

	if (!is_named(&files[TLS_FILE_CA], ca) ||
	    !is_named(&files[TLS_FILE_CERT], options->cert) ||
	    !is_named(&files[TLS_FILE_KEY],
	              options->key ? options->key : options->cert))
		return false;
	for (int i = 0; i < N_TLS_FILES; i++)
		if (!is_unchanged(&files[i]))
			return false;
	return true;
}

/* --- reading them -------------------------------------------------------- */

static int read_pem(struct tls_context *context, enum tls_file which,
                    const char *path, struct buf *content, struct err *err)
{
	struct tls_source *file = &context->files[which];

	buf_init(content, TLS_MAX_FILE);
	file->path = mem_strdup(path);
	if (!file->path)
		return err_set_code(err, -ENOMEM, "%s", path);
	/* before it is read: a change meanwhile must not go unseen */
	identify(path, &file->identity);
	return atomic_file_read(path, TLS_MAX_FILE, content, err);
}

/* With its terminating NUL, which mbedTLS wants of PEM. */
static const unsigned char *pem_bytes(const struct buf *content, size_t *np)
{
	*np = content->n + 1;
	return (const unsigned char *)buf_text(content);
}

static int parse_certificates(mbedtls_x509_crt *chain,
                              const struct buf *content, const char *path,
                              struct err *err)
{
	size_t n;
	const unsigned char *bytes = pem_bytes(content, &n);
	int r = mbedtls_x509_crt_parse(chain, bytes, n);

	/* some of many may be of a kind that mbedTLS does not know */
	if (r == MBEDTLS_ERR_X509_ALLOC_FAILED)
		return err_set_code(err, -ENOMEM, "%s", path);
	if (r < 0 || !chain->raw.p)
		return err_set(err, -EINVAL, "%s holds no certificate in PEM",
		               path);
	return 0;
}

static int load_certificates(struct tls_context *context, enum tls_file which,
                             const char *path, mbedtls_x509_crt *chain,
                             struct err *err)
{
	struct buf content;
	int r = read_pem(context, which, path, &content, err);

	if (r == 0)
		r = parse_certificates(chain, &content, path, err);
	buf_fini(&content);
	return r;
}

static int parse_key(struct tls_context *context, const struct buf *content)
{
	size_t n;
	const unsigned char *bytes = pem_bytes(content, &n);

#if MBEDTLS_VERSION_MAJOR >= 3
	return mbedtls_pk_parse_key(&context->key, bytes, n, NULL, 0,
	                            mbedtls_ctr_drbg_random, &context->random);
#else
	return mbedtls_pk_parse_key(&context->key, bytes, n, NULL, 0);
#endif
}

static int check_pair(struct tls_context *context)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	return mbedtls_pk_check_pair(&context->own.pk, &context->key,
	                             mbedtls_ctr_drbg_random, &context->random);
#else
	return mbedtls_pk_check_pair(&context->own.pk, &context->key);
#endif
}

static int load_key(struct tls_context *context, const char *path,
                    struct err *err)
{
	struct buf content;
	int r = read_pem(context, TLS_FILE_KEY, path, &content, err);
	int parsed = r == 0 ? parse_key(context, &content) : 0;

	if (content.p)
		explicit_bzero(content.p, content.n);
	buf_fini(&content);
	if (r < 0)
		return r;
	if (parsed == MBEDTLS_ERR_PK_PASSWORD_REQUIRED)
		return err_set(err, -EINVAL,
		               "%s is locked with a passphrase: write it "
		               "without one",
		               path);
	if (parsed)
		return tls_words(err, -EINVAL, path, parsed);
	if (check_pair(context))
		return err_set(err, -EINVAL,
		               "%s is not the key of the certificate in %s",
		               path, context->files[TLS_FILE_CERT].path);
	return 0;
}

static int load_authorities(struct tls_context *context, const char *path,
                            struct err *err)
{
	if (!path) {
		context->system_ca = true;
		path = system_authorities();
	}
	if (!path)
		return err_set(err, -ENOENT,
		               "this system has no certificates of "
		               "authorities: install ca-certificates, or set "
		               "tls_ca");
	return load_certificates(context, TLS_FILE_CA, path,
	                         &context->authorities, err);
}

static int load_own(struct tls_context *context,
                    const struct tls_options *options, struct err *err)
{
	int r;

	if (!options->cert && options->key)
		return err_set(err, -EINVAL,
		               "tls_key is set without tls_cert: set both");
	if (!options->cert)
		return 0;
	r = load_certificates(context, TLS_FILE_CERT, options->cert,
	                      &context->own, err);
	if (r == 0)
		r = load_key(context,
		             options->key ? options->key : options->cert, err);
	return r;
}

/* --- the rules of the sessions ------------------------------------------- */

static int seed(struct tls_context *context, struct err *err)
{
	int r;

#if MBEDTLS_VERSION_MAJOR >= 3
	if (psa_crypto_init() != PSA_SUCCESS)
		return err_set(err, -EIO, "mbedTLS's PSA cannot be set up");
#endif
	r = mbedtls_ctr_drbg_seed(&context->random, mbedtls_entropy_func,
	                          &context->entropy, NULL, 0);
	return r ? tls_words(err, -EIO, "random numbers", r) : 0;
}

static int configure(struct tls_context *context, struct err *err)
{
	mbedtls_ssl_config *config = &context->config;
	int r = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT,
	                                    MBEDTLS_SSL_TRANSPORT_STREAM,
	                                    MBEDTLS_SSL_PRESET_DEFAULT);

	if (r)
		return tls_words(err, -ENOMEM, "configuration", r);
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &context->random);
#if MBEDTLS_VERSION_MAJOR >= 3
	mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
	mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
	                             MBEDTLS_SSL_MINOR_VERSION_3);
#endif
	mbedtls_ssl_conf_ca_chain(config, &context->authorities, NULL);
#ifdef MBEDTLS_SSL_RENEGOTIATION
	mbedtls_ssl_conf_renegotiation(config,
	                               MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
#ifdef MBEDTLS_SSL_SESSION_TICKETS
	mbedtls_ssl_conf_session_tickets(config,
	                                 MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
	if (!context->own.raw.p)
		return 0;
	r = mbedtls_ssl_conf_own_cert(config, &context->own, &context->key);
	return r ? tls_words(err, -ENOMEM, "configuration", r) : 0;
}

static void context_free(struct tls_context *context)
{
	mbedtls_ssl_config_free(&context->config);
	mbedtls_pk_free(&context->key);
	mbedtls_x509_crt_free(&context->own);
	mbedtls_x509_crt_free(&context->authorities);
	mbedtls_ctr_drbg_free(&context->random);
	mbedtls_entropy_free(&context->entropy);
	for (int i = 0; i < N_TLS_FILES; i++)
		mem_free(context->files[i].path);
	mem_free(context);
}

int tls_context_new(struct tls_context **contextp,
                    const struct tls_options *options, struct err *err)
{
	struct tls_context *context = mem_calloc(1, sizeof(*context));
	int r;

	if (!context)
		return err_set_code(err, -ENOMEM, "TLS");
	context->n_references = 1;
	mbedtls_entropy_init(&context->entropy);
	mbedtls_ctr_drbg_init(&context->random);
	mbedtls_x509_crt_init(&context->authorities);
	mbedtls_x509_crt_init(&context->own);
	mbedtls_pk_init(&context->key);
	mbedtls_ssl_config_init(&context->config);

	r = seed(context, err);
	if (r == 0)
		r = load_authorities(context, options->ca, err);
	if (r == 0)
		r = load_own(context, options, err);
	if (r == 0)
		r = configure(context, err);
	if (r < 0) {
		context_free(context);
		return r;
	}
	*contextp = context;
	return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	context->n_references++;
	return context;
}

void tls_context_unref(struct tls_context *context)
{
	if (context && --context->n_references == 0)
		context_free(context);
}
