import random, sys, asyncio, tempfile, time, collections
from pathlib import Path
from tests.test_walking import *
from tests.audit_api import *
def rway(r, pages_by=None):
    pages_by = pages_by or r.choice(sorted(PAGINATION)); num = pages_by in {"page_offset","offset"}
    by = "window" if pages_by=="none" else r.choice(["watermark","window"] if num else ["watermark","window","lasting"])
    order = "arrival" if by=="lasting" else r.choice(["asc","desc","arrival"])
    return Way(pages_by, order, r.choice(["rfc3339","epoch","epoch_ms"]) if by!="lasting" else "rfc3339", by, size=r.randint(1,4), max_pages=r.choice([1,2,3,100]), says_more= by=="lasting" or (pages_by=="cursor" and r.random()<.5), method="GET" if pages_by in {"link_header","next_url"} else r.choice(["GET","POST"]), dedupe=num or r.random()<.5, whole_ticks=r.random()<.5, max_secs=r.choice([300.,900.,86400.]), lag_secs=r.choice([0.,5.]))
def rsteps(r):
    return [Step(r.choice(["append","append","late","twins","hidden","wait","tick","tick","die","die_asking","cut","refuse"]), r.randint(0,5), r.choice([0.,.3,2.5,7.,12.])) for _ in range(r.randint(1,14))]
def run1(way, steps):
    if way.dedupe: steps=[s for s in steps if s.does!="twins"]
    if way.pages_by in {"page_offset","offset"} or way.by=="lasting": steps=[s for s in steps if s.does!="hidden"]
    clock=FakeClock(); api=Api(way.pages_by, clock, way.order, way.size, way.form, says_more=way.says_more)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as f:
        life=Life(Path(f), api, **config_of(way, api))
        try:
            asyncio.run(live(life, steps))
        except BaseException as e:
            return f"raised {type(e).__name__} {e}"[:300], life
        finally:
            life.store.close()
    lost=life.expected-life.delivered; twice=life.delivered-life.expected
    if lost or twice: return f"lost {len(lost)} twice {len(twice)}", life
    return None, life
def shrink(way, steps):
    changed=True
    while changed:
        changed=False
        for i in range(len(steps)):
            t=steps[:i]+steps[i+1:]
            if run1(way,t)[0]: steps=t; changed=True; break
    return steps
if __name__=="__main__":
    t=time.time(); n=0; kinds=collections.Counter(); shown=collections.Counter()
    seed0=int(sys.argv[1]); secs=float(sys.argv[2])
    while time.time()-t<secs:
        r=random.Random(seed0+n); way=rway(r); steps=rsteps(r); n+=1
        res,life=run1(way,steps)
        if res:
            k=(way.by, way.whole_ticks, way.order, res.split()[0] if res.startswith("raised") else res.split()[0]+("L" if not res.startswith("lost 0") else "")+("T" if not res.endswith("twice 0") else ""))
            kinds[k]+=1; shown[k]+=1
            if shown[k]<=1:
                s=shrink(way,list(steps)); print(seed0+n-1, run1(way,s)[0], way, s, flush=True)
    print(n, "runs", dict(kinds))
