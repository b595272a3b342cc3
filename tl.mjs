import { connect } from "nats";
import { startCluster } from "#test/e2e/support/cluster.js";
const c = await startCluster({ flags: ["--empty","--agents","1"] });
try {
  const nc = await connect({ servers: c.natsUrl });
  const log=[]; const t0=()=>performance.timeOrigin+performance.now();
  nc.subscribe(">", { callback: (_e,m)=>log.push([t0(), m.subject, m.reply, m.data.length, new TextDecoder().decode(m.data.slice(0,110))]) });
  const def={ id:"/tl", cmd:"exec sleep 100000", cpus:0.02, mem:32, instances:0 };
  await c.api.deploy(def);
  for (let i=1;i<=25;i++){ await new Promise(r=>setTimeout(r,100)); log.length=0; const s=t0();
    await c.api.send("PUT","/v2/apps/tl",{instances:i}); const e=t0(); await new Promise(r=>setTimeout(r,150));
    if(i>=24){ const tasks=(await c.api.tasks("/tl")); const st=Math.max(...tasks.map(t=>t.startedAt)); console.log("put",(e-s).toFixed(1),"started",st-s); for(const [t,su,re,n,d] of log) console.log((t-s).toFixed(2).padStart(7),n,su,re?'?':'',d.replace(/[^\x20-\x7e]/g,'.').slice(0,80)); }
  }
  log.length=0; const s=t0(); await c.api.send("PUT","/v2/apps/tl",{instances:75}); await new Promise(r=>setTimeout(r,3000));
  const tasks=(await c.api.tasks("/tl")).filter(t=>t.startedAt>s); const sts=tasks.map(t=>t.startedAt-s).sort((a,b)=>a-b); console.log("50:",sts.map(x=>Math.round(x)).join(" "));
  const by={}; for(const [t,su] of log){const k=su.replace(/\.[0-9a-z]{8,}.*$/i,'.*'); (by[k]??=[]).push((t-s))}
  for(const [k,v] of Object.entries(by)) console.log(k, v.length, v[0].toFixed(1), v.at(-1).toFixed(1));
  await nc.close();
} finally { await c.remove(); }
process.exit(0);
