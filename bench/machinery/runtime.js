// The smallest loop that does what Lambda's runtime for Node.js does: ask for an event, call the handler, send its result.
const http = require("http");
const https = require("https");
const path = require("path");

const agent = new http.Agent({ keepAlive: true });
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

// AWS CDK's own functions ignore the port of a ResponseURL, and only root can listen on 443.
https.globalAgent.defaultPort = process.env.ANSWER_PORT;

function call(method, what, body = "") {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { agent, hostname, port, method, path: `/2018-06-01/runtime/${what}`, headers: { "content-length": Buffer.byteLength(body) } },
      (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve({ headers: response.headers, text }));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

async function main() {
  const [file, name] = process.argv[2].split(".");
  const handler = require(path.resolve(process.env.LAMBDA_TASK_ROOT, file))[name];
  for (;;) {
    const { headers, text } = await call("GET", "invocation/next");
    const id = headers["lambda-runtime-aws-request-id"];
    const context = {
      awsRequestId: id,
      invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      getRemainingTimeInMillis: () => Number(headers["lambda-runtime-deadline-ms"]) - Date.now(),
    };
    try {
      const result = await handler(JSON.parse(text), context);
      await call("POST", `invocation/${id}/response`, JSON.stringify(result ?? null));
    } catch (error) {
      const failure = { errorType: error.name, errorMessage: error.message, trace: (error.stack || "").split("\n") };
      await call("POST", `invocation/${id}/error`, JSON.stringify(failure));
    }
  }
}

main();
